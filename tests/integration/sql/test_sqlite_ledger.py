"""The mock chain's ledger shares the file with the orders, and nothing else."""

import asyncio

import pytest
from attrs import evolve

from bestfill.errors import StoreError
from bestfill.quote import SwapOutcome
from bestfill.units import Signature
from bestfill_adapters.mock.sqlite_ledger import SqliteLedger
from bestfill_adapters.sql.sqlite import SqliteStore
from tests.contract.test_ledgers import LANDED, LAST_SLOT, REVERTED
from tests.integration.sql.orders import crowd

pytestmark = pytest.mark.anyio


@pytest.fixture
def ledger(file):
    ledger = SqliteLedger(file)
    ledger.start()
    yield ledger
    ledger.close()


async def test_what_landed_is_remembered_to_the_unit(ledger, file):
    assert await ledger.find(LANDED.signature) is None
    await ledger.record(LANDED, LAST_SLOT)
    assert await ledger.find(LANDED.signature) == LANDED
    await ledger.record(evolve(REVERTED, signature=Signature("other")), LAST_SLOT)
    ledger.close()
    ledger.start()
    assert await ledger.find(LANDED.signature) == LANDED
    assert (await ledger.find(Signature("other"))).outcome is SwapOutcome.REVERTED


async def test_ledger_and_store_take_turns_and_never_find_each_other_in_the_way(file, monkeypatch):
    monkeypatch.setattr("bestfill_adapters.sql.file.BUSY_TIMEOUT_S", 0)  # who is in the way is told at once
    ledger, store = SqliteLedger(file), SqliteStore(file)
    ledger.start()
    store.start()
    landings = [evolve(LANDED, signature=Signature(f"s{n}")) for n in range(200)]
    orders, *_ = await asyncio.gather(crowd(store, 100), *(ledger.record(landing, LAST_SLOT) for landing in landings))
    assert len(orders) == 100
    assert await asyncio.gather(*(ledger.find(x.signature) for x in landings)) == landings
    ledger.close()
    store.close()


async def test_a_landing_that_cannot_be_kept_is_told(ledger):
    wrong = evolve(LANDED, outcome=SwapOutcome.UNKNOWN)
    results = await asyncio.gather(
        ledger.record(wrong, LAST_SLOT), ledger.record(LANDED, LAST_SLOT), return_exceptions=True
    )
    assert isinstance(results[0], StoreError) and results[1] is None
    assert await ledger.find(LANDED.signature) == LANDED
