"""The checker finds nothing wrong with a good system at rest, and each thing that is wrong with a bad one."""

import asyncio

import pytest
from attrs import evolve

from bestfill import transition as to
from bestfill.errors import Cancelled
from bestfill.order import AttemptOutcome, Order, Status
from bestfill.quote import Fill
from bestfill.testing import samples
from bestfill.testing.invariants import Answered, Evidence, Landing, Stored, Told, violations
from bestfill.testing.samples import NOW
from bestfill.testing.store import MemoryStore
from bestfill.units import Millis, Signature

CONFIRMED, CANCELLED, FLAGGED = range(3)
IN, OUT = 1_500_000_000, 212_999_999


async def system_at_rest() -> Evidence:
    """One order is confirmed, one is cancelled, and nobody can tell any more what became of one that has landed."""
    store = MemoryStore()
    orders = [await a_new_order(store, number) for number in (CONFIRMED, CANCELLED, FLAGGED)]
    confirmed = await signed(store, orders[CONFIRMED])
    attempt = await store.attempt(confirmed.id, 1)
    await store.commit(to.land(confirmed, attempt, Fill(amount_in=IN, amount_out=OUT), NOW))
    await store.commit(to.cancel(orders[CANCELLED], None, Cancelled("the user cancelled the order"), NOW))
    flagged = await signed(store, orders[FLAGGED])
    attempt = await store.attempt(flagged.id, 1)
    await store.commit(to.flag(flagged, attempt, "the network can no longer tell", Millis(NOW + 1), NOW))
    stored = [
        Stored(order=await store.get(o.id), events=await store.events(o.id), attempts=await store.executions(o.id))
        for o in orders
    ]
    mint_in, mint_out = samples.SOL.mint, samples.USDC.mint
    return Evidence(
        orders=stored,
        landings=[landing(stored[CONFIRMED]), landing(stored[FLAGGED])],
        order_readers=[Told(stream=s.order.id, numbers=tuple(range(1, s.order.seq + 1))) for s in stored],
        user_readers=[Told(stream="user-123", numbers=range(4, 13), since=3)],
        answered=[Answered(user_id="user-123", key="k", order_id=orders[0].id)] * 2,
        accepted=[o.id for o in orders],
        cancelled=[orders[CANCELLED].id],
        untellable=[orders[FLAGGED].id],
        balances={
            ("user-123", mint_in): (2 * IN, 0),
            ("user-123", mint_out): (0, 2 * OUT),
            ("pool", mint_in): (0, 2 * IN),
            ("pool", mint_out): (10**12, 10**12 - 2 * OUT),
        },
        counts=await store.counts(NOW),
    )


async def a_new_order(store: MemoryStore, number: int) -> Order:
    order, event = samples.new_order(number)
    await store.place(order, event)
    return order


async def signed(store: MemoryStore, order: Order) -> Order:
    for move in (lambda o, a: samples.started(o), samples.chosen, samples.submitted):
        step = move(order, await store.attempt(order.id, order.attempt))
        await store.commit(step)
        order = step.order
    return order


def landing(stored: Stored, salt: int | None = None) -> Landing:
    signature = stored.order.tx_hash if salt is None else Signature(f"another {salt}")
    return Landing(order_id=stored.order.id, signature=signature, amount_in=IN, amount_out=OUT)


GOOD = asyncio.run(system_at_rest())


def test_a_good_system_has_no_violations():
    assert violations(GOOD) == []


def with_order(which: int, **changes: object) -> Evidence:
    stored = list(GOOD.orders)
    stored[which] = evolve(stored[which], **changes)
    return evolve(GOOD, orders=stored)


def with_row(which: int, **changes: object) -> Evidence:
    return with_order(which, order=evolve(GOOD.orders[which].order, **changes))


def with_event(which: int, place: int, **changes: object) -> Evidence:
    events = list(GOOD.orders[which].events)
    events[place] = evolve(events[place], **changes)
    return with_order(which, events=events)


def with_attempt(which: int, **changes: object) -> Evidence:
    return with_order(which, attempts=[evolve(GOOD.orders[which].attempts[0], **changes)])


def with_reader(numbers: list[int]) -> Evidence:
    return evolve(GOOD, order_readers=[evolve(GOOD.order_readers[0], numbers=numbers), *GOOD.order_readers[1:]])


def with_landings(*landings: Landing) -> Evidence:
    return evolve(GOOD, landings=landings)


def with_balance(holder: str, mint: str, after: int) -> Evidence:
    before = GOOD.balances[holder, mint][0]
    return evolve(GOOD, balances={**GOOD.balances, (holder, mint): (before, after)})


ROWS, LANDINGS = GOOD.orders, GOOD.landings
OTHER = Answered(user_id="user-123", key="k", order_id=ROWS[CANCELLED].order.id)

DOCTORED = {
    "an event is missing": ("story", with_order(CONFIRMED, events=ROWS[CONFIRMED].events[:-1])),
    "an event is there twice": ("story", with_order(CONFIRMED, events=[*ROWS[0].events, ROWS[0].events[-1]])),
    "a seq is skipped": ("story", with_event(CONFIRMED, 2, seq=9)),
    "the row is not the fold": ("story", with_row(CONFIRMED, dex_selected="another")),
    "time goes back": ("story", with_event(CONFIRMED, 1, timestamp=NOW - 1)),
    "a move is none": ("story", with_event(CONFIRMED, 1, status=Status.SUBMITTED)),
    "a user's numbers have a gap": ("reader", with_event(CONFIRMED, 2, user_seq=99)),
    "a signature is still live": ("attempts", with_attempt(CONFIRMED, outcome=None)),
    "an attempt is missing": ("attempts", with_order(CONFIRMED, attempts=())),
    "the order never ended": ("end", with_row(CONFIRMED, status=Status.BUILDING)),
    "the order ended twice": ("end", with_order(CANCELLED, events=[*ROWS[1].events, ROWS[1].events[-1]])),
    "it is submitted, though the network can tell": ("end", evolve(GOOD, untellable=())),
    "nobody can tell, and it is taken for failed": (
        "end",
        evolve(GOOD, untellable=[*GOOD.untellable, ROWS[CANCELLED].order.id]),
    ),
    "nobody can tell, and no person is asked": ("end", with_attempt(FLAGGED, attention=None)),
    "two swaps landed": ("swap", with_landings(*LANDINGS, landing(ROWS[CONFIRMED], 1))),
    "confirmed, but nothing landed": ("swap", with_landings(LANDINGS[1])),
    "failed, but a swap landed": ("swap", with_landings(*LANDINGS, landing(ROWS[CANCELLED], 1))),
    "landed, but never recorded": ("swap", with_landings(landing(ROWS[CONFIRMED], 1), LANDINGS[1])),
    "landed, but taken for expired": ("swap", with_attempt(CONFIRMED, outcome=AttemptOutcome.EXPIRED)),
    "the fill is not what moved": ("swap", with_landings(evolve(LANDINGS[0], amount_out=OUT + 1), LANDINGS[1])),
    "the row tells of another swap": ("swap", with_row(CONFIRMED, tx_hash="another")),
    "a swap of no order landed": ("swap", with_landings(*LANDINGS, evolve(LANDINGS[0], order_id="unknown"))),
    "it paid less than its bound": ("bound", with_landings(evolve(LANDINGS[0], amount_out=1), LANDINGS[1])),
    "it paid less than the user's minimum": ("bound", with_row(CONFIRMED, min_amount_out=OUT + 1)),
    "it took another amount": ("bound", with_landings(evolve(LANDINGS[0], amount_in=1), LANDINGS[1])),
    "money came from nowhere": ("balances", with_balance("pool", samples.SOL.mint, 3 * IN)),
    "a user paid for no order": ("balances", with_balance("user-123", samples.SOL.mint, -1)),
    "a reader missed an event": ("reader", with_reader([1, 2, 4, 5])),
    "a reader was told twice": ("reader", with_reader([1, 2, 2, 3, 4, 5])),
    "a reader was told out of order": ("reader", with_reader([1, 3, 2, 4, 5])),
    "a reader was not told the end": ("reader", with_reader([1, 2, 3, 4])),
    "a reader was told of more than there is": ("reader", with_reader([1, 2, 3, 4, 5, 6])),
    "a user's reader missed an event": (
        "reader",
        evolve(GOOD, user_readers=[Told(stream="user-123", numbers=range(4, 12), since=3)]),
    ),
    "a key gave two orders": ("key", evolve(GOOD, answered=[*GOOD.answered, OTHER])),
    "an accepted order is gone": ("promise", evolve(GOOD, accepted=[*GOOD.accepted, "gone"])),
    "a cancelled order was filled": ("promise", evolve(GOOD, cancelled=[ROWS[CONFIRMED].order.id])),
    "the counts are off": ("counts", evolve(GOOD, counts=evolve(GOOD.counts, completed=2))),
}


@pytest.mark.parametrize("case", DOCTORED)
def test_each_doctored_system_is_found_out(case):
    rule, doctored = DOCTORED[case]
    found = violations(doctored)
    assert rule in {violation.rule for violation in found}, found
