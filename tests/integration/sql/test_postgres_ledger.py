"""One chain for all processes: what one has proven dead, no other lands."""

import asyncio

import pytest
from attrs import evolve

from bestfill.decide import proven_dead
from bestfill.errors import StoreError
from bestfill.quote import SwapOutcome
from bestfill.testing.clock import ManualClock
from bestfill.units import Signature
from bestfill_adapters.mock.blocks import SLOT_MS, WINDOW
from bestfill_adapters.mock.ledger import Landing
from bestfill_adapters.mock.postgres_ledger import PostgresLedger
from tests.contract.test_ledgers import LANDED, LAST_SLOT, REVERTED
from tests.integration.sql.proxy import Proxy
from tests.integration.sql.test_postgres_store import raw, until_waiting
from tests.unit.adapters.mock.chain import network, plan

pytestmark = pytest.mark.anyio


class StalledLedger(PostgresLedger):
    """Belongs to a process that stalls before it records."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.stalled, self.awake = asyncio.Event(), asyncio.Event()

    async def record(self, landing: Landing, last_slot: int) -> None:
        self.stalled.set()
        await self.awake.wait()
        await super().record(landing, last_slot)


@pytest.fixture
async def ledger(postgres_url):
    ledger = PostgresLedger(postgres_url)
    await ledger.start()
    yield ledger
    await ledger.close()


@pytest.mark.parametrize("in_time", [True, False])
async def test_a_process_that_stalls_lands_nothing_that_another_has_proven_dead(ledger, postgres_url, in_time):
    clock, slow = ManualClock(), StalledLedger(postgres_url)
    await slow.start()
    sender, other = network(clock, slow), network(clock, ledger)
    swap = await sender.sign(plan())
    sending = asyncio.ensure_future(sender.send(swap))
    await slow.stalled.wait()
    clock.advance((WINDOW if in_time else WINDOW + 1) * SLOT_MS)
    height = await other.height()
    assert proven_dead(swap, height, await other.status(swap)) is not in_time
    slow.awake.set()
    await sending
    status = await other.status(swap)
    assert status.outcome is (SwapOutcome.LANDED if in_time else SwapOutcome.NOT_FOUND)
    await slow.close()


async def test_a_landing_that_is_being_committed_is_waited_for(ledger, postgres_url):
    """It has begun in time and is not yet to be seen: "not found" would be a false proof of death."""
    async with raw(postgres_url) as recorder, recorder.transaction():
        await recorder.execute("SELECT slot FROM mock_tip FOR SHARE")
        looking = asyncio.ensure_future(ledger.find(LANDED.signature, LAST_SLOT + 1))
        await until_waiting(postgres_url)
        await recorder.execute(
            "INSERT INTO mock_landings SELECT $1, $2, 'landed', $3::text::numeric, $4::text::numeric, $5, $6",
            LANDED.signature, LANDED.order_id, str(LANDED.amount_in), str(LANDED.amount_out), LANDED.slot,
            LANDED.landed_at,
        )  # fmt: skip
        assert not looking.done()
    assert await looking == LANDED


async def test_a_landing_whose_slot_passes_while_it_waits_is_refused(ledger, postgres_url):
    """Its statement has seen the old tip before it waits; it must look again."""
    async with raw(postgres_url) as looker:
        async with looker.transaction():
            await looker.execute("UPDATE mock_tip SET slot = $1", LAST_SLOT + 1)
            recording = asyncio.ensure_future(ledger.record(LANDED, LAST_SLOT))
            await until_waiting(postgres_url)
        await recording
    assert await ledger.find(LANDED.signature) is None


@pytest.mark.parametrize("fate", ["lose_answers", "hold_requests"])
async def test_what_is_in_doubt_is_recorded_once(postgres_url, fate):
    async with Proxy(postgres_url) as proxy:
        ledger = PostgresLedger(proxy.url)
        await ledger.start()
        await ledger.record(evolve(LANDED, signature=Signature("first")), LAST_SLOT)
        getattr(proxy, fate)()
        await ledger.record(LANDED, LAST_SLOT)
        await proxy.deliver()
        await ledger.record(REVERTED, LAST_SLOT)
        assert await ledger.find(LANDED.signature, 5) == LANDED
        await ledger.close()


async def test_a_landing_that_cannot_be_kept_is_told_and_takes_no_other_along(ledger):
    wrong = evolve(LANDED, signature=Signature("wrong"), outcome=SwapOutcome.UNKNOWN)
    results = await asyncio.gather(
        ledger.record(wrong, LAST_SLOT), ledger.record(LANDED, LAST_SLOT), return_exceptions=True
    )
    assert isinstance(results[0], StoreError) and results[1] is None
    assert await ledger.find(LANDED.signature) == LANDED


async def test_a_chain_whose_tip_was_lost_begins_again(postgres_url):
    async with raw(postgres_url) as other:
        await other.execute("TRUNCATE mock_tip")
    ledger = PostgresLedger(postgres_url)
    await ledger.start()
    await ledger.record(LANDED, LAST_SLOT)
    assert await ledger.find(LANDED.signature, LAST_SLOT + 1) == LANDED
    await ledger.close()


async def test_a_database_without_tables_is_refused(database_url):
    with pytest.raises(StoreError, match="mock_tip"):
        await PostgresLedger(database_url).start()
