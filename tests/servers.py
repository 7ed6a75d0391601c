"""Fixtures that give a test real servers. Nothing starts before a test asks for it; each test process has its own.

TEST_DATABASE_URL (a superuser's) and TEST_REDIS_URL name other servers to use. Their databases are made, flushed and
dropped at will. Tests that stop or kill a server take `postgres` or `valkey`, which are always this project's own.
"""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

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
    server_url = os.environ.get("TEST_DATABASE_URL")
    own: Postgres | None = None if server_url else request.getfixturevalue("postgres")
    server_url = server_url or own.url
    url = create_database(server_url)
    yield url
    if own:
        own.start()
    drop_database(server_url, url)


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
