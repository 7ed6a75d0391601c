"""Whether what is stored of an order can have happened."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from attrs import fields, frozen

from bestfill.errors import ErrorCode
from bestfill.events import OrderEvent, apply, fold
from bestfill.machine import TRANSITIONS
from bestfill.order import Attempt, AttemptOutcome, Order, Status, revised
from bestfill.quote import Fill, SignedSwap
from bestfill.units import to_base_units


def _leads() -> Mapping[Status, set[Status]]:
    leads: defaultdict[Status, set[Status]] = defaultdict(set)
    for (source, _), target in TRANSITIONS.items():
        leads[source].add(target)
    return leads


_LEADS: Final = _leads()


@frozen
class Told:
    """An order and its attempts, as far as its events tell of them.

    Of an attempt they do not tell: what was considered, the route, the signed bytes, all times but that of its
    beginning, and whether a signature that did not land reverted or expired, for which EXPIRED stands.
    """

    order: Order
    attempts: tuple[Attempt, ...] = ()


def follow(told: Told | None, event: OrderEvent) -> Told:
    """Give what is told with the next event of a story, None standing for nothing.

    Raises:
        ValueError: the event is not the next one, or can't be.
    """
    if told is None:
        return Told(fold((event,)))
    order = told.order
    if event.status not in _LEADS[order.status]:
        raise ValueError(f"{order.status} → {event.status} is no move")
    if event.attempt != order.attempt + (event.status is Status.PENDING):
        raise ValueError("the attempts do not count up")
    moved = apply(order, event)
    if event.status is Status.ROUTING:
        begun = Attempt(order_id=order.id, number=event.attempt, started_at=event.timestamp)
        return Told(moved, (*told.attempts, begun))
    if order.status is Status.PENDING:  # it ended while it waited
        return Told(moved, told.attempts)
    *ended, attempt = told.attempts
    return Told(moved, (*ended, revised(attempt, **_changes(order, attempt, event))))


def retell(story: Iterable[OrderEvent]) -> Told:
    """Rebuild an order from its whole story, as `events.fold` does, and see that each step is a possible one.

    Raises:
        ValueError: the story is empty, has a gap, goes back in time, or makes a move that there is none.
    """
    told: Told | None = None
    for event in story:
        told = follow(told, event)
    if told is None:
        raise ValueError("there are no events")
    return told


def check_attempts(told: Told, attempts: Sequence[Attempt]) -> None:
    """See that attempts, oldest first, are what the events tell.

    So at most one signature is live, while the order is submitted; and one has landed, once it is confirmed.

    Raises:
        ValueError: says how they differ.
    """
    if len(attempts) != len(told.attempts):
        raise ValueError(f"{len(told.attempts)} were begun, and {len(attempts)} are there")
    for attempt, expected in zip(map(_tellable, attempts), told.attempts, strict=True):
        if attempt != expected:
            wrong = [f.name for f in fields(Attempt) if getattr(attempt, f.name) != getattr(expected, f.name)]
            raise ValueError(f"number {expected.number} does not say what the events say: {', '.join(wrong)}")


def _changes(order: Order, attempt: Attempt, event: OrderEvent) -> Mapping[str, object]:
    """What an event tells of the attempt it is about, given the order as it was before."""
    data = cast("Mapping[str, Any]", event.data)
    match event.status:
        case Status.BUILDING:
            return {
                "venue": data["dex"],
                "quoted_out": to_base_units(data["amountOut"], order.decimals_out),
                "min_out": to_base_units(data["minAmountOut"], order.decimals_out),
            }
        case Status.SUBMITTED if order.status is Status.SUBMITTED:
            return {"attention": data["attention"]}
        case Status.SUBMITTED:
            return {"signed": _signed(data["txHash"], data["lastValidBlockHeight"])}
        case Status.CONFIRMED:
            amount_in = to_base_units(data["amountIn"], order.decimals_in)
            amount_out = to_base_units(data["amountOut"], order.decimals_out)
            if amount_out < (attempt.min_out or 0):
                raise ValueError(f"the swap paid {amount_out}, below {attempt.min_out}")
            fill = Fill(amount_in=amount_in, amount_out=amount_out)
            return {"outcome": AttemptOutcome.LANDED, "fill": fill, "attention": None}
        case _:
            return {
                "outcome": AttemptOutcome.EXPIRED if attempt.signed else AttemptOutcome.ABANDONED,
                "error_code": ErrorCode(data["errorCode"]),
                "error_reason": data["errorReason"],
                "attention": None,
            }


def _tellable(attempt: Attempt) -> Attempt:
    """Give an attempt without what events do not tell of it."""
    signed, outcome = attempt.signed, attempt.outcome
    return revised(
        attempt,
        quotes=(),
        route=(),
        signed=signed and _signed(signed.signature, signed.last_valid_block_height),
        outcome=AttemptOutcome.EXPIRED if outcome is AttemptOutcome.REVERTED else outcome,
        quoted_at=None,
        submitted_at=None,
        ended_at=None,
    )


def _signed(signature: Any, last_valid_block_height: int) -> SignedSwap:
    return SignedSwap(
        signature=signature, transaction=b"", blockhash="", last_valid_block_height=last_valid_block_height
    )
