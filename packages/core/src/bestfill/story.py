"""Whether what is stored of an order can have happened."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bestfill.events import OrderEvent, apply, fold
from bestfill.machine import TRANSITIONS
from bestfill.order import Attempt, AttemptOutcome, Order, Status


def _leads() -> Mapping[Status, set[Status]]:
    leads: defaultdict[Status, set[Status]] = defaultdict(set)
    for (source, _), target in TRANSITIONS.items():
        leads[source].add(target)
    return leads


_LEADS: Final = _leads()
_MISSING: Final = dict.fromkeys(Status, (0,)) | {Status.PENDING: (1,), Status.FAILED: (0, 1)}
"""How many attempts an order may have less than it counts: none of them is recorded before it begins."""


def follow(order: Order | None, event: OrderEvent) -> Order:
    """Give the order as it is after the next event of its story, None standing for the order before the first.

    Raises:
        ValueError: the event is not the next one, or the state machine has no such move.
    """
    if order is None:
        return fold((event,))
    if event.status not in _LEADS[order.status]:
        raise ValueError(f"{order.status} → {event.status} is no move")
    if event.attempt != order.attempt + (event.status is Status.PENDING):
        raise ValueError("the attempts do not count up")
    return apply(order, event)


def retell(story: Iterable[OrderEvent]) -> Order:
    """Rebuild an order from its whole story, as `events.fold` does, and see that each step is a possible one.

    Raises:
        ValueError: the story is empty, has a gap, goes back in time, or makes a move that there is none.
    """
    order: Order | None = None
    for event in story:
        order = follow(order, event)
    if order is None:
        raise ValueError("there are no events")
    return order


def check_attempts(order: Order, attempts: Sequence[Attempt]) -> None:
    """See that attempts are what the order says: one live signature while it is submitted, and one that landed, within
    its bound, once it is confirmed.

    Raises:
        ValueError: says how order and attempts disagree.
    """
    numbers = [a.number for a in attempts]
    if numbers != list(range(1, len(attempts) + 1)):
        raise ValueError(f"its attempts are numbered {numbers}")
    if order.attempt - len(attempts) not in _MISSING[order.status]:
        raise ValueError(f"it is {order.status} at attempt {order.attempt}, and has {len(attempts)} of them")
    live = [a for a in attempts if a.signed is not None and a.outcome is None]
    if len(live) != (order.status is Status.SUBMITTED):
        raise ValueError(f"it is {order.status} with {len(live)} live signatures")
    landed = [a for a in attempts if a.outcome is AttemptOutcome.LANDED]
    if len(landed) != (order.status is Status.CONFIRMED):
        raise ValueError(f"it is {order.status} with {len(landed)} landed attempts")
    for attempt in live + landed:
        if attempt.signed is None or attempt.signed.signature != order.tx_hash:
            raise ValueError(f"attempt {attempt.number} has another signature than the order")
    for attempt in landed:
        _check_landed(order, attempt)


def _check_landed(order: Order, attempt: Attempt) -> None:
    fill, bound = attempt.fill, attempt.min_out
    if fill is None or bound is None:
        raise ValueError(f"attempt {attempt.number} landed without a fill or a bound")
    if fill.amount_out < bound:
        raise ValueError(f"attempt {attempt.number} paid {fill.amount_out}, below {bound}")
    if fill.amount_out != order.amount_out:
        raise ValueError(f"attempt {attempt.number} paid {fill.amount_out}, and the order says {order.amount_out}")
