"""Whatever keeps the mock chain's landings keeps the contract of a ledger."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from attrs import evolve

from bestfill.quote import SwapOutcome
from bestfill.testing.samples import NOW, order_id
from bestfill.units import U64_MAX, BaseUnits, Millis, Signature
from bestfill_adapters.mock.ledger import Landing, Ledger, MemoryLedger, Tip
from bestfill_adapters.mock.postgres_ledger import PostgresLedger
from bestfill_adapters.mock.sqlite_ledger import SqliteLedger
from bestfill_adapters.sql.file import SqliteFile

LAST_SLOT = 80
LANDED = Landing(
    signature=Signature("5ig"),
    order_id=order_id(1),
    outcome=SwapOutcome.LANDED,
    amount_in=BaseUnits(U64_MAX),
    amount_out=BaseUnits(U64_MAX - 1),
    slot=77,
    landed_at=Millis(NOW + 2_000),
)
REVERTED = evolve(LANDED, outcome=SwapOutcome.REVERTED, amount_in=BaseUnits(0), amount_out=BaseUnits(0), slot=78)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    match request.param:
        case "memory":
            yield MemoryLedger()
        case "sqlite":
            file = shutil.copy(request.getfixturevalue("migrated"), tmp_path / "bestfill.db")
            ledger = SqliteLedger(SqliteFile(file))
            ledger.start()
            yield ledger
            ledger.close()
        case _:
            ledger = PostgresLedger(request.getfixturevalue("migrated_url"))
            await ledger.start()
            yield ledger
            await ledger.close()


def other(name: str) -> Landing:
    return evolve(LANDED, signature=Signature(name))


async def test_what_landed_is_remembered_to_the_unit(ledger: Ledger):
    assert await ledger.find(LANDED.signature, 5) is None
    await ledger.record(LANDED, LAST_SLOT)
    assert await ledger.find(LANDED.signature, 6) == LANDED
    await ledger.record(evolve(REVERTED, signature=Signature("other")), LAST_SLOT)
    found = await ledger.find(Signature("other"))
    assert found is not None and found.outcome is SwapOutcome.REVERTED


async def test_the_first_landing_of_a_signature_wins(ledger: Ledger):
    await asyncio.gather(ledger.record(LANDED, LAST_SLOT), *(ledger.record(REVERTED, LAST_SLOT) for _ in range(50)))
    await ledger.record(REVERTED, LAST_SLOT)
    assert await ledger.find(LANDED.signature) == LANDED


@pytest.mark.parametrize("late", [False, True])
async def test_what_was_not_found_after_its_last_slot_is_never_recorded(ledger: Ledger, late: bool):
    """Until then it may be, even where it was not found before: a view may lag, but not after the proof of death."""
    assert await ledger.find(LANDED.signature, LAST_SLOT + late) is None
    await ledger.record(LANDED, LAST_SLOT)
    assert await ledger.find(LANDED.signature) == (None if late else LANDED)


async def test_whoever_looked_for_another_signature_has_looked_at_the_slot_too(ledger: Ledger):
    await ledger.find(Signature("unknown"), LAST_SLOT + 1)
    await ledger.find(Signature("unknown"), LAST_SLOT - 9)
    await asyncio.gather(ledger.record(LANDED, LAST_SLOT), ledger.record(other("young"), LAST_SLOT + 1))
    assert await ledger.find(LANDED.signature) is None
    assert await ledger.find(Signature("young")) == other("young")


@pytest.mark.parametrize("make", [lambda n: n, lambda n: -n], ids=["forth", "back"])
async def test_a_race_has_one_outcome(ledger: Ledger, make: Callable[[int], int]):
    """Many record while others look past the last slot: what is not found then is not found later."""
    names = [Signature(f"s{n}") for n in sorted(range(100), key=make)]
    results = await asyncio.gather(
        *(job for n in names for job in (ledger.record(other(n), LAST_SLOT), ledger.find(n, LAST_SLOT + 1)))
    )
    for name, found in zip(names, results[1::2], strict=True):
        assert await ledger.find(name) == found


async def test_whoever_looks_as_of_a_slot_that_is_being_reached_waits_until_it_is():
    """Before that, a landing may still be recorded, and "not found" would be a false proof of death."""
    moved = asyncio.Event()
    reached: list[int] = []

    async def move(slot: int) -> None:
        reached.append(slot)
        await moved.wait()

    tip = Tip(move)
    looking = [asyncio.ensure_future(tip.reach(LAST_SLOT)) for _ in range(3)]
    for _ in range(9):
        await asyncio.sleep(0)
    assert not any(task.done() for task in looking)
    moved.set()
    await asyncio.gather(*looking)
    assert reached == [LAST_SLOT]
