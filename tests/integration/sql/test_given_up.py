"""Who was told that nothing was accepted can rely on it, if the server was away all the while."""

import asyncio

import pytest

from bestfill.errors import StoreError
from bestfill.testing.samples import new_order
from tests.integration.sql.orders import place


async def test_an_order_that_was_refused_is_not_stored_when_the_server_comes_back(pg_store, postgres, monkeypatch):
    await place(pg_store, 1)
    monkeypatch.setattr("bestfill_adapters.sql.postgres.store.CALL_S", 0.1)
    await asyncio.to_thread(postgres.stop)
    with pytest.raises(StoreError):
        await pg_store.place(*new_order(2))
    monkeypatch.undo()
    await asyncio.to_thread(postgres.start)  # in time for those who go on trying to reach it
    await place(pg_store, 3)
    assert await pg_store.events(new_order(2)[0].id) == []
