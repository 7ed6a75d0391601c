"""What must be true of every order, whatever has happened: the checker that tests and simulators share."""

from itertools import pairwise

from bestfill.events import OrderEvent, fold, without_engine_fields
from bestfill.machine import TRANSITIONS
from bestfill.order import Attempt, AttemptOutcome, Order, Status
from bestfill.ports import OrderStore
from bestfill.units import OrderId


async def check_order(store: OrderStore, order_id: OrderId) -> Order:
    """Hold an order's row, story and attempts against each other.

    Raises:
        AssertionError: they do not agree; says how.
    """
    order = await store.get(order_id)
    story = await store.events(order_id)
    check_story(order, story)
    check_attempts(order, await store.executions(order_id))
    return order


def check_story(order: Order, story: list[OrderEvent]) -> None:
    """The story has no gap, never goes back, makes only moves of the table, and folds into the row."""
    assert [e.seq for e in story] == list(range(1, len(story) + 1)), f"{order.id}: the story has gaps"
    assert order.seq == len(story), f"{order.id}: the row is at {order.seq}, the story at {len(story)}"
    for before, after in pairwise(story):
        possible = {target for (source, _), target in TRANSITIONS.items() if source is before.status}
        assert after.status in possible, f"{order.id}: {before.status} → {after.status} is no move"
        assert after.timestamp >= before.timestamp, f"{order.id}: time goes back at {after.seq}"
        back = after.status is Status.PENDING
        assert after.attempt == before.attempt + back, f"{order.id}: the attempts do not count up"
    assert fold(story) == without_engine_fields(order), f"{order.id}: the row is not the fold of its story"


def check_attempts(order: Order, attempts: list[Attempt]) -> None:
    """At most one signature is live; confirmed if and only if one attempt landed, at no less than its bound."""
    live = [a for a in attempts if a.signed is not None and a.outcome is None]
    landed = [a for a in attempts if a.outcome is AttemptOutcome.LANDED]
    assert len(live) == (order.status is Status.SUBMITTED), f"{order.id}: {len(live)} live signatures"
    assert len(landed) == (order.status is Status.CONFIRMED), f"{order.id}: {len(landed)} landed attempts"
    numbers = [a.number for a in attempts]
    assert numbers == list(range(1, len(attempts) + 1)), f"{order.id}: attempts are numbered {numbers}"
    for attempt in landed:
        fill, bound = attempt.fill, attempt.min_out
        assert fill is not None, f"{order.id}: it landed without a fill"
        assert bound is not None, f"{order.id}: it landed without a bound"
        assert fill.amount_out >= bound, f"{order.id}: it paid {fill.amount_out}, below {bound}"
        assert fill.amount_out == order.amount_out, f"{order.id}: row and fill differ"
        assert attempt.signed is not None and attempt.signed.signature == order.tx_hash, f"{order.id}: txHash"
