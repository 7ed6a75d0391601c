"""`./dev full` as a user meets it: one command, an order confirmed through it, and nothing left behind."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import yaml
from websockets.asyncio.client import connect

from tests.deployed import ORDER, STORY
from tests.integration.full.supervised import ROOT, Supervised, supervised

QUICK = {"PORT": "0", "BESTFILL_MOCK_QUOTE_MS": "0", "BESTFILL_MOCK_CONFIRM_MS": "0"}
# The command has servers of its own, whatever these say; nobody listens there.
ELSEWHERE = {"DATABASE_URL": "postgresql://postgres@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1"}


@contextmanager
def full(*options: str, **settings: str) -> Iterator[Supervised]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BESTFILL_")}
    with supervised(str(ROOT / "dev"), "full", *options, environ=kept | QUICK | ELSEWHERE | settings) as one:
        yield one


async def health_check(service: str, url: str, database: str) -> int:
    """Run a container's health check against this deployment; give its exit code."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    *options, code = compose["services"][service]["healthcheck"]["test"][2:]
    code = code.replace("http://127.0.0.1:3000", url)
    environ = {"PATH": os.defpath, "DATABASE_URL": database}
    stderr = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(sys.executable, *options, code, env=environ, stderr=stderr)
    return await process.wait()


async def test_the_example_is_confirmed_through_all_of_it_and_ctrl_c_leaves_nothing() -> None:
    with full() as deployment:
        url = await asyncio.to_thread(deployment.until_ready)
        async with aiohttp.ClientSession(url) as http:
            async with http.get("/health/ready") as answer:
                assert answer.status == 200
            async with http.post("/api/orders/execute", json=ORDER) as answer:
                assert answer.status == 202
                accepted = await answer.json()
        async with asyncio.timeout(60), connect(url.replace("http", "ws") + accepted["wsUrl"]) as socket:
            assert [json.loads(event)["status"] async for event in socket] == STORY

        database = next(line.split()[1] for line in deployment.said if line.startswith("PostgreSQL"))
        for service in ("api", "worker"):
            assert await health_check(service, url, database) == 0
        assert await health_check("api", "http://127.0.0.1:1", database) == 1

        os.killpg(deployment.process.pid, signal.SIGINT)
        assert await asyncio.to_thread(deployment.ended) == 0
        assert not [line for line in deployment.said if "Traceback" in line or '"level":"error"' in line]
        assert deployment.nothing_is_left()


def test_a_killed_one_leaves_no_process_and_no_port() -> None:
    with full("--workers", "1") as deployment:
        deployment.until_ready()
        deployment.process.kill()
        assert deployment.nothing_is_left()


def test_a_bad_setting_is_named_before_anything_starts() -> None:
    with full(BESTFILL_CONCURENCY="5") as deployment:
        assert deployment.ended() == 2
        (line,) = deployment.said
        assert line.startswith("bestfill: BESTFILL_CONCURENCY: is not a setting; did you mean BESTFILL_CONCURRENCY?")
