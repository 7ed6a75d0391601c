"""Following a stream over as many connections as it takes: each event once, in order, none missing."""

import math
from collections.abc import Mapping
from typing import Final

from bestfill_client import calls
from bestfill_client.answers import PASSING, refusal
from bestfill_client.errors import BY_STATUS, BadAnswer, EngineError, Limited, Refused, TimedOut, Unreachable
from bestfill_client.models import Order
from bestfill_client.sending import send, unreachable
from bestfill_client.steps import (
    Answer,
    Closed,
    Conditions,
    Lost,
    Message,
    Open,
    Opened,
    Outcome,
    Pause,
    Quiet,
    Read,
    Shut,
    Steps,
    Tell,
)
from bestfill_client.stream import Nonsense, Stream

NORMAL: Final = 1000
STEADY_S: Final = 5.0
"""A connection that lasted so long was a good one, even if nothing happened meanwhile."""
STRIKES: Final = 3
"""How often in a row, without a new event between, an engine may send what no engine sends."""
AWAY_MAX_S: Final = 300.0
"""For how long an answer can have a stream wait; what says more is asked again then."""

_CODES: Final[Mapping[int, str]] = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
}


def follow(stream: Stream, on: Conditions, until: float | None = None) -> Steps[None]:
    """Tell a stream's events until it has ended, or `until` has come.

    Raises:
        Refused: the engine does not serve this stream; NotFound: there is no such order; NotAuthorized: the key is not
            good (any more); Limited: there are too many streams, try after try.
        Unreachable: nothing has come of resuming it for as long as patience has it.
        BadAnswer: what is sent there again and again is no such stream.
    """
    trouble = Trouble(stream, on)
    try:
        while until is None or on.clock() < until:
            outcome: Outcome = yield Open(stream.path, _within(on, until, on.timeout_s))
            if isinstance(outcome, Opened):
                trouble.opened()
                outcome = yield from _listen(stream, trouble, on, until)
                if outcome is None:
                    return
            if isinstance(outcome, Closed) and outcome.code == NORMAL and stream.order_id is not None:
                # So it closes for whoever has seen the end; so may a proxy that stops, in the middle of a story.
                order = yield from send(calls.order(stream.order_id), on, until)
                if order.ended and order.seq <= stream.seen:
                    return
            yield Pause(_within(on, until, trouble.pause_s(outcome)))
    except EngineError as error:
        error.since = stream.seen
        raise


def wait(order_id: str, timeout_s: float | None, on: Conditions) -> Steps[Order]:
    """Give an order once it has ended.

    Raises:
        TimedOut: it has not in `timeout_s` seconds.
        EngineError: as `follow` does.
    """
    until = None if timeout_s is None or timeout_s == math.inf else on.clock() + timeout_s
    order = yield from send(calls.order(order_id), on, until)
    if order.ended:
        return order
    stream = Stream(order_id=order.id, since=order.seq)
    yield from follow(stream, on, until)
    order = yield from send(calls.order(order_id), on, until)
    if order.ended:
        return order
    if timeout_s is None or stream.ended:
        raise BadAnswer("the engine told the order's end, but gives it as not ended")
    raise TimedOut(order.id, order.status, timeout_s)


def follow_user(user_id: str | None, since: int | None, on: Conditions) -> Steps[None]:
    """Tell a user's events after a number, or from now on."""
    if since is None:
        since = yield from newest(user_id, on)
    yield from follow(Stream(user_id=user_id, since=since), on)


def newest(user_id: str | None, on: Conditions) -> Steps[int]:
    """Give the number of the user's last event: a stream without a number to go on from could not be resumed."""
    page = yield from send(calls.orders(user_id, 1, 0), on)
    return page.user_seq


class Trouble:
    """What has gone wrong in a row."""

    def __init__(self, stream: Stream, on: Conditions) -> None:
        self._stream, self._on = stream, on
        self._opened: float | None = None
        self.over()

    def over(self) -> None:
        """There is a new event, so all is well."""
        self._began: float | None = None
        self._failures = self._strikes = self._limited = 0

    def opened(self) -> None:
        """There is a connection."""
        self._opened, self._limited = self._on.clock(), 0

    def pause_s(self, outcome: Outcome) -> float:
        """Say how long to wait after a connection that did not come about, or has ended.

        Raises:
            EngineError: there is no point in waiting any more.
        """
        on, now = self._on, self._on.clock()
        if self._opened is not None and now - self._opened >= STEADY_S:
            self._began, self._failures = None, 0
        self._opened = None
        error, at_least_s = self._reason(outcome)
        self._failures += 1
        self._began = now if self._began is None else self._began
        pause_s = max(at_least_s, on.patience.pause_s(self._failures, on.chance))
        limit_s = on.patience.stream_s
        if limit_s is not None and now + pause_s - self._began > limit_s:
            raise error
        return pause_s

    def _reason(self, outcome: Outcome) -> tuple[EngineError, float]:
        """Give what to raise if there is no time left, and how long to wait at least; raise what will not pass."""
        match outcome:
            case Lost():
                return unreachable(self._on, outcome.reason), 0.0
            case Answer():
                return self._refused(outcome)
            case Closed(fault="", code=code):
                if 4400 <= code < 4500 and code != 4429:
                    status = code - 4000
                    raise BY_STATUS.get(status, Refused)(status, _CODES.get(status, ""), outcome.reason)
                return self._broken(outcome.reason or f"the stream was closed ({code})"), 0.0
            case Closed():
                return self._broken(self._strike(outcome.fault)), 0.0
            case _:
                raise AssertionError(outcome)

    def _refused(self, answer: Answer) -> tuple[EngineError, float]:
        error, patience = refusal(answer), self._on.patience
        if answer.status not in PASSING or not isinstance(error, Refused):
            raise error
        wait_s = error.retry_after_s or 0.0
        if not isinstance(error, Limited):
            return self._broken(error.message), min(wait_s, AWAY_MAX_S)
        self._limited += 1
        if self._limited >= patience.tries or wait_s > patience.total_s:
            raise error
        return error, wait_s

    def _broken(self, why: str) -> Unreachable:
        return Unreachable(f"the stream from {self._on.where} breaks off again and again: {why}")

    def _strike(self, fault: str) -> str:
        self._strikes += 1
        if self._strikes >= STRIKES:
            raise BadAnswer(f"what is streamed from {self._on.where} is not as it should be: {fault}")
        return fault


def _listen(stream: Stream, trouble: Trouble, on: Conditions, until: float | None) -> Steps[Closed | None]:
    """Tell what comes over one connection; None: the stream has ended, or `until` has come."""
    while True:
        outcome: Message | Closed | Quiet = yield Read(None if until is None else max(0.0, until - on.clock()))
        if isinstance(outcome, Closed):
            return outcome
        if isinstance(outcome, Quiet):
            return None
        try:
            event = stream.take(outcome.data)
        except Nonsense as nonsense:
            yield Shut()
            return Closed(0, "", str(nonsense))
        if event is not None:
            trouble.over()
            yield Tell(event)
        if stream.ended:
            return None


def _within(on: Conditions, until: float | None, span_s: float) -> float:
    return span_s if until is None else max(0.0, min(span_s, until - on.clock()))
