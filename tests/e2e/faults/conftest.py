"""The settings of a deployment over a migrated database, on servers that may be broken: always this project's own."""

from collections.abc import Iterator

import pytest

from tests.deployed import environment, migrated
from tools.servers import Postgres, Valkey
from tools.servers.databases import create_database, drop_database


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    url = create_database(postgres.url)
    yield url
    postgres.start()
    drop_database(postgres.url, url)


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    return valkey.url


@pytest.fixture
async def env(database_url: str, redis_url: str) -> dict[str, str]:
    made = environment(database_url, redis_url)
    await migrated(made)
    return made
