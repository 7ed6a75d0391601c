"""What callers give, checked before it is sent: no amount may be rounded, no text may become another on its way."""

import math
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeAlias
from urllib.parse import quote

from bestfill_client.errors import WrongArgument

Amount: TypeAlias = str | int | Decimal
"""In display units: "1.5", 2 or Decimal("1.5"). A float is refused: it may already have been rounded."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEY: Final = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")
_DIGITS_MAX: Final = 60
"""More than any amount has; what is longer is a slip, and would take long to write."""
_TEXT_MAX_CHARS: Final = 4_096
"""More than any text has that the engine takes; what is longer may not fit a URL."""


def amount(field: str, value: Amount) -> str:
    """Write an amount plainly, without an exponent; a string stays as it is, for the engine to judge.

    Raises:
        WrongArgument: it is no str, int or Decimal, or is no finite number.
    """
    if isinstance(value, str):
        return text(field, value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise WrongArgument(field, "must be a finite number")
        if max(abs(value.adjusted()), len(value.as_tuple().digits)) > _DIGITS_MAX:
            raise WrongArgument(field, "has too many digits")
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() > 3 * _DIGITS_MAX:
            raise WrongArgument(field, "has too many digits")
        return str(value)
    why = ": it may already have been rounded" if isinstance(value, float) else ""
    raise WrongArgument(
        field, f'must be a string such as "1.5", an int or a Decimal, not a {type(value).__name__}{why}'
    )


def whole(field: str, value: int) -> int:
    """Check a whole number.

    Raises:
        WrongArgument: it is something else, or below 0.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise WrongArgument(field, "must be a whole number, 0 or more")
    return value


def span(field: str, value: float) -> float:
    """Check a time in seconds.

    Raises:
        WrongArgument: it is not more than 0, or without end.
    """
    if not 0 < value < math.inf:
        raise WrongArgument(field, "must be more than 0 seconds, and not without end")
    return value


def text(field: str, value: str) -> str:
    """Check that a text can be sent.

    Raises:
        WrongArgument: it is no str, or is far too long, or has halves of characters (lone surrogates).
    """
    if not isinstance(value, str):
        raise WrongArgument(field, f"must be a string, not a {type(value).__name__}")
    if len(value) > _TEXT_MAX_CHARS:
        raise WrongArgument(field, f"must have at most {_TEXT_MAX_CHARS} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WrongArgument(field, "must be text that UTF-8 can write") from None
    return value


def moment(field: str, value: str | datetime) -> str:
    """Write a time as ISO 8601 in UTC, in milliseconds; a string stays as it is.

    Raises:
        WrongArgument: it is neither, or a datetime without its zone.
    """
    if not isinstance(value, datetime):
        return text(field, value)
    if value.tzinfo is None or value.utcoffset() is None:
        raise WrongArgument(field, "must have its time zone, such as datetime.now(UTC) has")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def order_id(value: str) -> str:
    """Read an order's id.

    Raises:
        WrongArgument: it cannot be one.
    """
    lower = value.lower() if isinstance(value, str) and value.isascii() else ""
    if not _UUID.fullmatch(lower):
        raise WrongArgument("order_id", "must be an order's id: a UUID, as submit gives it")
    return lower


def key(value: str | None) -> str:
    """Check an idempotency key, or make one.

    Raises:
        WrongArgument: it is not 1 to 255 printable ASCII characters, or begins or ends with a space, which HTTP drops.
    """
    if value is None:
        return new_key()
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise WrongArgument(
            "idempotency_key", "must be 1 to 255 printable ASCII characters, without a space at its ends"
        )
    return value


def new_key() -> str:
    """Make an idempotency key that nobody else has. Store it with an order before you submit it, to survive a crash."""
    return str(uuid.uuid4())


def query(**fields: str | int | None) -> str:
    """Write a query string, with its question mark if there is any; None is left out."""
    pairs = [f"{name}={quote(str(value), safe='')}" for name, value in fields.items() if value is not None]
    return "?" + "&".join(pairs) if pairs else ""
