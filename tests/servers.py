"""Fixtures that give a test real servers. Nothing starts before a test asks for it; each test process has its own.

TEST_DATABASE_URL (a superuser's) and TEST_REDIS_URL name other servers to use. Their databases are made, flushed and
dropped at will. Tests that stop or kill a server take `postgres` or `valkey`, which are always this project's own.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bestfill_adapters.sql.file import SqliteFile
from bestfill_adapters.sql.migrate import migrate
from tools.servers import Postgres, Valkey
from tools.servers.databases import create_database, drop_database


@pytest.fixture(scope="session")
def one_postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def one_valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def postgres(one_postgres: Postgres) -> Iterator[Postgres]:
    """Give a PostgreSQL server that the test may stop, kill and start."""
    yield one_postgres
    one_postgres.start()


@pytest.fixture
def valkey(one_valkey: Valkey) -> Iterator[Valkey]:
    """Give an empty Valkey server that the test may stop, kill, pause and start."""
    one_valkey.flush()
    yield one_valkey
    one_valkey.start()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a new, empty PostgreSQL database, which is dropped after the test."""
    yield from _database(request, create_database)


@pytest.fixture
def migrated_url(request: pytest.FixtureRequest, migrated_copy: Callable[[str], str]) -> Iterator[str]:
    """Give the URL of a new PostgreSQL database with all tables, which is dropped after the test."""
    yield from _database(request, migrated_copy)


def _database(request: pytest.FixtureRequest, create: Callable[[str], str]) -> Iterator[str]:
    server_url = os.environ.get("TEST_DATABASE_URL")
    own: Postgres | None = None if server_url else request.getfixturevalue("postgres")
    server_url = server_url or own.url
    url = create(server_url)
    yield url
    if own:
        own.start()
    drop_database(server_url, url)


@pytest.fixture(scope="session")
def migrated_copy() -> Iterator[Callable[[str], str]]:
    """Give what makes a database with all tables on a server: a copy, since to migrate takes ten times as long."""
    made: dict[str, str] = {}

    def copy(server_url: str) -> str:
        if server_url not in made:
            made[server_url] = create_database(server_url)
            migrate(made[server_url])
        return create_database(server_url, template=urlsplit(made[server_url]).path[1:])

    yield copy
    for server_url in made.keys() & {os.environ.get("TEST_DATABASE_URL")}:  # ours go with their server
        drop_database(server_url, made[server_url])


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an SQLite file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "bestfill.db"
    migrate(SqliteFile(path).url)
    return path


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of an empty database on Valkey or Redis."""
    given = os.environ.get("TEST_REDIS_URL")
    if not given:
        yield request.getfixturevalue("valkey").url
        return
    # Test processes share that server, but not a database.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = urlsplit(given)
    mine = url._replace(path=f"/{int(url.path[1:] or 0) + int(worker)}").geturl()
    import redis

    with redis.Redis.from_url(mine) as client:
        client.flushdb()
    yield mine
