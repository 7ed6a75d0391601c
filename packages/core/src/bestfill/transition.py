"""The moves of an order as data: what the store has to write in one transaction, or not at all."""

from attrs import frozen

from bestfill import events
from bestfill.errors import BestfillError
from bestfill.events import OrderEvent
from bestfill.machine import Trigger, next_status
from bestfill.order import Attempt, AttemptOutcome, Failure, Order, OrderRequest, Status, revised
from bestfill.quote import Considered, Fill, SignedSwap
from bestfill.routing import Decision
from bestfill.slippage import min_out
from bestfill.units import Millis, OrderId


@frozen(kw_only=True)
class Transition:
    """`order` is the row to write if the stored version is still `expected_version`.

    With it go the event, if anything happened; the attempt as it is now, if it changed; the failure, if one ended
    the attempt.
    """

    order: Order
    expected_version: int
    event: OrderEvent | None = None
    attempt: Attempt | None = None
    failure: Failure | None = None


def place(order_id: OrderId, request: OrderRequest, expires_at: Millis, now: Millis) -> tuple[Order, OrderEvent]:
    """Make a new order, due at once, and its first event."""
    order = Order(
        id=order_id,
        user_id=request.user_id,
        token_in=request.token_in.mint,
        token_out=request.token_out.mint,
        decimals_in=request.token_in.decimals,
        decimals_out=request.token_out.decimals,
        amount_in=request.amount_in,
        min_amount_out=request.min_amount_out,
        slippage_bps=request.slippage_bps,
        status=Status.PENDING,
        attempt=1,
        expires_at=expires_at,
        created_at=now,
        updated_at=now,
        seq=1,
        version=1,
        wake_at=now,
    )
    return order, events.accepted(order)


def hold(order: Order, wake_at: Millis) -> Transition:
    """Take, keep or give back the lease: nothing happens to the order itself."""
    held = revised(order, version=order.version + 1, wake_at=wake_at)
    return Transition(order=held, expected_version=order.version)


def start(order: Order, lease_until: Millis, now: Millis) -> Transition:
    """Take a waiting order and begin its attempt."""
    event = events.routing(order, now)
    attempt = Attempt(order_id=order.id, number=order.attempt, started_at=event.timestamp)
    return _move(order, Trigger.START, event, lease_until, attempt)


def choose(order: Order, attempt: Attempt, decision: Decision, lease_until: Millis, now: Millis) -> Transition:
    """Record the chosen quote, all that were seen, and the bound that the swap must keep.

    Raises:
        ValueError: nothing was chosen.
        SlippageExceeded: the chosen quote is below the user's minimum.
    """
    if decision.chosen is None:
        raise ValueError("nothing was chosen")
    attempt = revised(
        attempt,
        quotes=decision.considered,
        venue=decision.chosen.venue,
        quoted_out=decision.chosen.amount_out,
        min_out=min_out(decision.chosen.amount_out, order.slippage_bps, order.min_amount_out),
        quoted_at=now,
    )
    event = events.building(order, attempt, decision.reason, now)
    return _move(order, Trigger.CHOOSE, event, lease_until, attempt)


def sign(order: Order, attempt: Attempt, signed: SignedSwap, lease_until: Millis, now: Millis) -> Transition:
    """Record the signed swap, before any of it is sent."""
    attempt = revised(attempt, signed=signed, submitted_at=now)
    return _move(order, Trigger.SIGN, events.submitted(order, attempt, now), lease_until, attempt)


def land(order: Order, attempt: Attempt, fill: Fill, now: Millis) -> Transition:
    """Record that the swap landed, and what it moved."""
    attempt = revised(attempt, outcome=AttemptOutcome.LANDED, fill=fill, attention=None, ended_at=now)
    return _move(order, Trigger.LAND, events.confirmed(order, fill, now), now, attempt)


def flag(order: Order, attempt: Attempt, reason: str, wake_at: Millis, now: Millis) -> Transition:
    """Record that a person must look; the signature stays live."""
    attempt = revised(attempt, attention=reason)
    return _move(order, Trigger.FLAG, events.flagged(order, reason, now), wake_at, attempt)


def retry(
    order: Order,
    attempt: Attempt,
    error: BestfillError,
    outcome: AttemptOutcome,
    retry_at: Millis,
    now: Millis,
) -> Transition:
    """End the attempt, and let the order wait for the next one."""
    event = events.retried(order, error, _unchosen(attempt), retry_at, now)
    ended = _ended(attempt, error, outcome, now)
    return _move(order, Trigger.RETRY, event, retry_at, ended, _failure(order, error, now))


def fail(
    order: Order, attempt: Attempt | None, error: BestfillError, outcome: AttemptOutcome, now: Millis
) -> Transition:
    """End the order without a swap."""
    return _end(order, Trigger.FAIL, attempt, error, outcome, now)


def cancel(order: Order, attempt: Attempt | None, error: BestfillError, now: Millis) -> Transition:
    """End the order because its user wants so.

    Raises:
        IllegalTransition: something is signed, or the order has ended.
    """
    return _end(order, Trigger.CANCEL, attempt, error, AttemptOutcome.ABANDONED, now)


def _end(
    order: Order,
    trigger: Trigger,
    attempt: Attempt | None,
    error: BestfillError,
    outcome: AttemptOutcome,
    now: Millis,
) -> Transition:
    event = events.failed(order, error, _unchosen(attempt), now)
    ended = _ended(attempt, error, outcome, now) if attempt else None
    return _move(order, trigger, event, now, ended, _failure(order, error, now))


def _move(
    order: Order,
    trigger: Trigger,
    event: OrderEvent,
    wake_at: Millis,
    attempt: Attempt | None,
    failure: Failure | None = None,
) -> Transition:
    if event.status is not next_status(order.status, trigger):
        raise ValueError(f"{trigger} does not lead to {event.status}")
    moved = events.apply(order, event, version=order.version + 1, wake_at=wake_at)
    return Transition(order=moved, expected_version=order.version, event=event, attempt=attempt, failure=failure)


def _ended(attempt: Attempt, error: BestfillError, outcome: AttemptOutcome, now: Millis) -> Attempt:
    return revised(
        attempt,
        outcome=outcome,
        error_code=error.code,
        error_reason=error.reason,
        attention=None,
        ended_at=now,
    )


def _failure(order: Order, error: BestfillError, now: Millis) -> Failure:
    return Failure(
        order_id=order.id,
        attempt=order.attempt,
        code=error.code,
        reason=error.reason,
        metadata={
            "tokenIn": order.token_in,
            "tokenOut": order.token_out,
            "amountIn": str(order.amount_in),
            "dex": order.dex_selected,
            "txHash": order.tx_hash,
        },
        at=now,
    )


def _unchosen(attempt: Attempt | None) -> tuple[Considered, ...]:
    """What was considered, if nothing was chosen: otherwise the `building` event has told it."""
    return attempt.quotes if attempt is not None and attempt.venue is None else ()
