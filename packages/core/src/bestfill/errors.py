"""What can go wrong, as one tree.

BestfillError
├── ValidationError      the request is not valid; never retried
├── RoutingError         no venue can fill the order as asked
│   └── NoRoute          no venue trades the pair; never retried
├── QuoteError           no usable quote was given in time
│   └── VenueUnavailable one venue could not answer
├── ExecutionError       building, sending or the swap itself failed
│   ├── SlippageExceeded the fill would be below the bound
│   ├── SwapReverted     the swap landed and failed on chain
│   └── BlockhashExpired the swap is proven never to land
├── NetworkUnavailable   the chain could not be asked; says nothing about any swap
├── QueueError           the order could not be accepted
├── PolicyDenied         the operator's rules forbid it; says which
│   └── OutOfBounds      the market does, so that it may pass
├── Unauthorized         no credential, or one that is not good (any more)
├── Forbidden            a good credential, but not for this
├── RateLimited          too much at once
├── Expired, Cancelled   the order ended before it was signed
└── StoreError           the store could not do it
    ├── OrderNotFound, KeyNotFound
    └── Conflict         somebody else changed the order first, or it is too late
"""

import enum
from typing import ClassVar

REASON_MAX_CHARS = 300


class ErrorCode(enum.StrEnum):
    """The codes that orders and problem details carry."""

    VALIDATION_ERROR = "VALIDATION_ERROR"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    ROUTING_ERROR = "ROUTING_ERROR"
    QUOTE_ERROR = "QUOTE_ERROR"
    EXECUTION_ERROR = "EXECUTION_ERROR"
    QUEUE_ERROR = "QUEUE_ERROR"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    POLICY_DENIED = "POLICY_DENIED"
    RATE_LIMITED = "RATE_LIMITED"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"


class BestfillError(Exception):
    """Any error of this project; `code` is for machines, `reason` for people."""

    code: ClassVar[ErrorCode] = ErrorCode.EXECUTION_ERROR
    retryable: ClassVar[bool] = False

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = plain(reason)


class ValidationError(BestfillError):
    """One field of a request is not valid; the message says how to mend it."""

    code = ErrorCode.VALIDATION_ERROR

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class RoutingError(BestfillError):
    """No venue can fill the order as asked; may pass when prices move."""

    code = ErrorCode.ROUTING_ERROR
    retryable = True


class NoRoute(RoutingError):
    """The venue, or every venue, does not trade the pair."""

    retryable = False


class QuoteError(BestfillError):
    """No usable quote was given in time."""

    code = ErrorCode.QUOTE_ERROR
    retryable = True


class VenueUnavailable(QuoteError):
    """One venue could not answer."""


class ExecutionError(BestfillError):
    """Building, sending or the swap itself failed."""

    retryable = True


class SlippageExceeded(ExecutionError):
    """The fill is, or would be, below the order's bound."""


class SwapReverted(ExecutionError):
    """The swap landed and failed on chain; nothing was swapped."""


class BlockhashExpired(ExecutionError):
    """The swap is proven never to land."""


class NetworkUnavailable(BestfillError):
    """The chain could not be asked; this says nothing about any swap."""

    retryable = True


class Expired(BestfillError):
    """The order was not signed in time."""

    code = ErrorCode.EXPIRED


class Cancelled(BestfillError):
    """The user ended the order before it was signed."""

    code = ErrorCode.CANCELLED


class PolicyDenied(BestfillError):
    """The operator's rules forbid it; `rule` is the name of the setting, or `halt`."""

    code = ErrorCode.POLICY_DENIED

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


class OutOfBounds(PolicyDenied):
    """The market is beyond what the operator's rules allow; may pass when prices move."""

    retryable = True


class Unauthorized(BestfillError):
    """No credential came, or one that is not good (any more)."""

    code = ErrorCode.UNAUTHORIZED


class Forbidden(BestfillError):
    """The credential is good, but not for this."""

    code = ErrorCode.FORBIDDEN


class RateLimited(BestfillError):
    """Too much at once; it may be tried again after so many seconds. `limit` says of what, in a word."""

    code = ErrorCode.RATE_LIMITED

    def __init__(self, reason: str, retry_after_s: int, limit: str = "requests") -> None:
        super().__init__(reason)
        self.retry_after_s, self.limit = retry_after_s, limit


class QueueError(BestfillError):
    """The order could not be stored, so nothing was accepted."""

    code = ErrorCode.QUEUE_ERROR


class StoreError(BestfillError):
    """The store could not do what was asked; whether it did is not known."""

    code = ErrorCode.QUEUE_ERROR


class OrderNotFound(StoreError):
    """There is no such order."""

    code = ErrorCode.NOT_FOUND


class KeyNotFound(StoreError):
    """There is no such key."""

    code = ErrorCode.NOT_FOUND


class Conflict(StoreError):
    """Somebody else changed the order first, or it is too late for the change."""

    code = ErrorCode.CONFLICT


def plain(text: str) -> str:
    """Give text from outside as one short printable line, fit for a row, a log and a screen."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * REASON_MAX_CHARS]).split())
    return line if len(line) <= REASON_MAX_CHARS else line[: REASON_MAX_CHARS - 1] + "…"
