"""Asking until there is an answer, in ways that cannot do anything twice."""

from itertools import count
from typing import TypeVar

import msgspec

from bestfill_client import calls
from bestfill_client.answers import PASSING, refusal, result, spoken
from bestfill_client.calls import Call
from bestfill_client.errors import EngineError, Refused, TooLate, Unreachable
from bestfill_client.models import Accepted, Order
from bestfill_client.steps import Answer, Ask, Conditions, Lost, Pause, Steps

CANCELLED = "CANCELLED"

T = TypeVar("T")


def send(call: Call[T], on: Conditions, until: float | None = None, tries: int | None = None) -> Steps[T]:
    """Ask, and ask again, with the same bytes, while nobody answers or the engine cannot serve now.

    Whatever is asked here may be asked twice: it reads, or carries an idempotency key, or can only be done once. Each
    other answer is final. No more than `tries` are sent, and no second one after `until`.

    Raises:
        EngineError: there is no good answer. If a try may have reached the engine without its word that nothing was
            done, the error is `in_doubt`, whatever later tries were told.
    """
    patience, doubt = on.patience, False
    deadline = on.clock() + patience.total_s
    deadline = deadline if until is None else min(deadline, until)
    timeout_s = on.timeout_s
    most = tries or patience.tries
    for tried in count(1):
        outcome: Answer | Lost = yield Ask(call.request, timeout_s)
        if isinstance(outcome, Lost):
            error, wait_s = unreachable(on, outcome.reason), 0.0
            doubt = doubt or outcome.sent
        elif outcome.status in PASSING:
            error = refusal(outcome)
            wait_s = (error.retry_after_s if isinstance(error, Refused) else None) or 0.0
            doubt = doubt or not spoken(outcome)
        else:
            try:
                return result(call, outcome)
            except EngineError as final:
                raise _told(final, call, doubt or not spoken(outcome)) from None
        wait_s = max(wait_s, patience.pause_s(tried, on.chance))
        if tried >= most or on.clock() + wait_s >= deadline:
            raise _told(error, call, doubt)
        yield Pause(wait_s)
        timeout_s = min(on.timeout_s, max(1.0, deadline - on.clock()))
    raise AssertionError("unreachable")


def submit(call: Call[Accepted], on: Conditions) -> Steps[Accepted]:
    """Place an order."""
    accepted = yield from send(call, on)
    return msgspec.structs.replace(accepted, idempotency_key=call.request.idempotency_key or "")


def cancel(order_id: str, on: Conditions) -> Steps[Order]:
    """Cancel an order.

    The engine refuses to cancel an order that is cancelled already. So if that is the answer after a try whose answer
    was lost, the order itself says what became of it.
    """
    try:
        return (yield from send(calls.cancel(order_id), on))
    except TooLate as late:
        if not late.in_doubt:
            raise
        try:
            order = yield from send(calls.order(order_id), on)
        except EngineError:
            raise late from None
        if order.error_code == CANCELLED:
            return order
        late.in_doubt, late.advice = False, ""
        raise


def unreachable(on: Conditions, reason: str) -> Unreachable:
    """Say that nobody answers, where, and what to do."""
    return Unreachable(f"no answer from {on.where}: {reason}. Is the engine running there? ./dev run starts one")


def _told(error: EngineError, call: Call[T], doubt: bool) -> EngineError:
    error.idempotency_key = call.request.idempotency_key
    if doubt and call.doubt:
        error.in_doubt, error.advice = True, call.doubt
    return error
