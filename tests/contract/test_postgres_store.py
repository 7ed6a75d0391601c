"""PostgreSQL keeps every promise of the store's port."""

from collections.abc import Awaitable, Callable

import pytest

from bestfill.ports import OrderStore
from bestfill.testing.contracts.store import CHECKS
from bestfill_adapters.sql.postgres import PostgresStore


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_postgres_store(check: Callable[[OrderStore], Awaitable[None]], migrated_url: str) -> None:
    store = PostgresStore(migrated_url)
    await store.start()
    try:
        await check(store)
    finally:
        await store.close()
