"""What can go wrong, as one tree.

EngineError
├── WrongArgument   an argument cannot be sent, and nothing was; also a ValueError
├── Unreachable     nobody answers
├── BadAnswer       what answers is no bestfill engine, or one gone wrong
├── TimedOut        the order has not ended in the time given to `wait`
└── Refused         the engine said no, with problem details (RFC 9457)
    ├── NotValid    400
    ├── NotAllowed
    │   ├── NotAuthorized  401: no key came, or one that is not good (any more)
    │   └── Forbidden      403: the key is good, but not for this; or the operator's rules forbid it
    ├── NotFound    404
    ├── TooLate     409: the order is past it, or the idempotency key was used for another order
    └── Unavailable 502, 503, 504: not now
        └── Limited 429: too much at once
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from bestfill.errors import plain


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field, in the engine's camelCase; `field` is empty if it is the whole request."""

    field: str
    message: str


class EngineError(Exception):
    """Any error of the client.

    `in_doubt` says that what was asked for may have happened all the same, though no good answer told so. An order that
    is in doubt is safely submitted again with `idempotency_key`, within a day: if it was accepted, it is not placed
    twice. `since` is what to go on from after `watch` and `watch_user`.
    """

    in_doubt: bool = False
    idempotency_key: str | None = None
    since: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.advice = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it pass between processes whole, with its key, though its class takes other arguments."""
        return type(self).__new__, (type(self), *self.args), self.__dict__

    def __str__(self) -> str:
        return f"{self.message}; {self.advice}" if self.advice else self.message


class WrongArgument(EngineError, ValueError):
    """An argument cannot be sent, and nothing was; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field

    @property
    def field_errors(self) -> dict[str, str]:
        """The message by its field, as `Refused` has them."""
        return {self.field: self.message.removeprefix(f"{self.field} ")}


class Unreachable(EngineError):
    """Nobody answers; the message says where, and what to do."""


class BadAnswer(EngineError):
    """What answers is no bestfill engine, or one gone wrong."""


class TimedOut(EngineError):
    """The order has not ended in the time given; it goes on, and stands at `status`."""

    def __init__(self, order_id: str, status: str, timeout_s: float) -> None:
        super().__init__(
            f"order {order_id} is still {plain(status)} after {timeout_s:g} s; it goes on, so look again later"
        )
        self.order_id, self.status = order_id, status


class Refused(EngineError):
    """The engine said no. `code` is for machines, `detail` for people, `errors` has an entry for each wrong field.

    `retry_after_s` is how long to leave the engine alone, if it said so. All texts are printable and short.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        retry_after_s: float | None = None,
    ) -> None:
        self.status, self.code, self.detail = status, plain(code), plain(detail)
        self.errors = tuple(FieldError(plain(error.field), plain(error.message)) for error in errors)
        self.retry_after_s = retry_after_s
        super().__init__(self.detail or self.code or f"the engine answers {status}")

    @property
    def field_errors(self) -> dict[str, str]:
        """The first message of each wrong field."""
        messages: dict[str, str] = {}
        for error in self.errors:
            messages.setdefault(error.field, error.message)
        return messages


class NotValid(Refused):
    """The request is not valid."""


class NotAllowed(Refused):
    """Whoever asks may not."""


class NotAuthorized(NotAllowed):
    """No key came, or one that is wrong, revoked or expired."""


class Forbidden(NotAllowed):
    """The key is not good for this, or the operator's rules forbid it: then `rule` says which, else it is None."""

    rule: str | None = None


class NotFound(Refused):
    """There is no such order, or the engine does not know the call."""


class TooLate(Refused):
    """The order is past it, or the idempotency key was used for another order."""


class Unavailable(Refused):
    """The engine, or a proxy before it, cannot serve now."""


class Limited(Unavailable):
    """Too much was asked at once; what was refused so was not done. `retry_after_s` says when there is room again."""


BY_STATUS: Final[Mapping[int, type[Refused]]] = {
    400: NotValid,
    401: NotAuthorized,
    403: Forbidden,
    404: NotFound,
    409: TooLate,
    429: Limited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
