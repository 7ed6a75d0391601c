"""The worker's health check in docker-compose.yml; tests/e2e/test_full.py has it with a real worker."""

import subprocess
import sys

import asyncpg
import yaml

from tests.integration.full.supervised import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CHECK = COMPOSE["services"]["worker"]["healthcheck"]["test"][2:]


def exit_code(url: str) -> int:
    environ = {"PATH": "/usr/bin:/bin", "DATABASE_URL": url}
    return subprocess.run([sys.executable, *CHECK], env=environ, capture_output=True, check=False).returncode


async def test_a_worker_counts_as_healthy_while_postgresql_hears_from_it(postgres, database_url: str) -> None:
    assert exit_code(database_url) == 1
    worker = await asyncpg.connect(database_url, server_settings={"application_name": "bestfill"})
    assert exit_code(database_url) == 0
    await worker.close()
    postgres.stop()
    assert exit_code(database_url) == 1
