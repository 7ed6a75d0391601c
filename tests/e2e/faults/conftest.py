"""The settings of a deployment over a migrated database, on servers that may be broken: always this project's own."""

from collections.abc import Callable, Iterator

import pytest

from tests.deployed import environment
from tools.servers import Postgres, Valkey
from tools.servers.databases import drop_database


@pytest.fixture
def database_url(postgres: Postgres, migrated_copy: Callable[[str], str]) -> Iterator[str]:
    url = migrated_copy(postgres.url)
    yield url
    postgres.start()
    drop_database(postgres.url, url)


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    return valkey.url


@pytest.fixture
def env(database_url: str, redis_url: str) -> dict[str, str]:
    return environment(database_url, redis_url)
