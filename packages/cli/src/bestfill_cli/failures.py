"""From errors to exit codes and to lines that say how to mend them."""

from typing import TYPE_CHECKING, Final

from bestfill_cli.exits import Exit
from bestfill_cli.screen import Screen

if TYPE_CHECKING:
    from bestfill_client import EngineError, Refused

_NAMES: Final = {
    "tokenIn": "TOKEN_IN",
    "tokenOut": "TOKEN_OUT",
    "amountIn": "AMOUNT",
    "minAmountOut": "--min-out",
    "slippageTolerance": "--slippage",
    "slippageBps": "--slippage",
    "slippage": "--slippage",
    "expiresAt": "--expires-in",
    "userId": "--user",
    "Idempotency-Key": "--key",
    "idempotencyKey": "--key",
    "key": "the key",
    "keyFile": "--key-file",
    "orderId": "ORDER",
    "baseUrl": "--url",
    "since": "--since",
    "limit": "--limit",
    "offset": "--offset",
}
"""The engine's fields, and the client's arguments, by the names that they have here."""


def tell(screen: Screen, error: Exception) -> Exit:
    """Say on standard error what went wrong and how to mend it; give the exit code."""
    from bestfill_client import EngineError

    if isinstance(error, EngineError):
        screen.complain(*lines(error), *filter(None, [error.advice]))
        return code_of(error)
    if isinstance(error, OSError) and error.strerror:
        screen.complain(f"can't go on: {error.strerror}")
    else:
        screen.complain(f"an unforeseen {type(error).__name__}; the same with --debug shows where it came from")
    return Exit.UNFORESEEN


def code_of(error: "EngineError") -> Exit:
    """Give the exit code of what the client raised. Whatever was answered, it says so if it may have been done."""
    from bestfill_client import BadAnswer, NotAllowed, NotFound, Refused, TimedOut, TooLate, Unavailable, Unreachable

    if error.in_doubt:
        return Exit.UNREACHABLE
    match error:
        case TimedOut():
            return Exit.TIMED_OUT
        case NotAllowed():
            return Exit.DENIED
        case NotFound():
            return Exit.NOT_FOUND
        case TooLate():
            return Exit.TOO_LATE
        case Unreachable() | BadAnswer() | Unavailable():
            return Exit.UNREACHABLE
        case Refused() if error.status >= 500:
            return Exit.UNREACHABLE
        case _:
            return Exit.REFUSED


def lines(error: "EngineError") -> list[str]:
    """Say what went wrong: each wrong field by the name that it has here."""
    from bestfill_client import BadAnswer, Forbidden, Limited, NotAuthorized, Refused, Unreachable, WrongArgument

    match error:
        case WrongArgument():
            return [" ".join((_name(error.field), message)) for message in error.field_errors.values()]
        case Refused() if error.errors:
            wrong = _fields(error)
            return wrong if len(wrong) == 1 else ["the engine refused this:", *wrong]
        case Unreachable() | BadAnswer():
            return [error.message, "for an engine elsewhere, give --url or set BESTFILL_URL"]
        case NotAuthorized():
            return [error.message, "set your key in BESTFILL_KEY, or give --key-file; bestfill doctor looks at it"]
        case Forbidden(rule=str() as rule) if rule not in error.message:
            return [error.message, f"the operator's rule: {rule}"]
        case Limited(retry_after_s=float() as wait_s):
            return [error.message, f"there is room again in {wait_s:g} s"]
        case _:
            return [error.message]


def _fields(error: "Refused") -> list[str]:
    return [f"{_name(field.field)} {field.message}".strip() for field in error.errors]


def _name(field: str) -> str:
    head, *rest = field.split("_")
    camel = head + "".join(word.capitalize() for word in rest)
    return _NAMES.get(camel, field)
