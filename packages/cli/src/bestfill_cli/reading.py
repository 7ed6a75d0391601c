"""Reads the text of arguments that neither Typer nor the engine reads."""

import re
from datetime import UTC, datetime
from typing import Final

import typer

from bestfill.errors import plain
from bestfill.units import Millis

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_USER_MAX_CHARS: Final = 128


def moment(text: str) -> Millis:
    """Read a date or a time, in UTC unless it says otherwise."""
    try:
        read = datetime.fromisoformat(text)
        return Millis(int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1_000))
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"must be a date or time such as 2026-11-22, not {text[:60]!r}") from None


def digest(text: str) -> str:
    """Read a digest of verify's."""
    if re.fullmatch("[0-9a-f]{64}", text) is None:
        raise typer.BadParameter("must be 64 hexadecimal digits, as verify gives them")
    return text


def status(text: str) -> str:
    """Read an order's status."""
    from bestfill.order import Status

    if text not in {known.value for known in Status}:
        raise typer.BadParameter(f"must be one of {', '.join(known.value for known in Status)}")
    return text


def scope(text: str) -> str:
    """Read what a key is good for."""
    from bestfill.access import Scope

    if text not in {known.value for known in Scope}:
        raise typer.BadParameter(f"must be one of {', '.join(known.value for known in Scope)}")
    return text


def span(text: str) -> int:
    """Read a span of time, such as 90d, 12h, 30m or 45s; give milliseconds."""
    if (match := re.fullmatch("([0-9]{1,6})([smhd])", text)) is None:
        raise typer.BadParameter(f"must be a number with s, m, h or d after it, such as 90d, not {text[:60]!r}")
    return int(match[1]) * _UNITS_MS[match[2]]


def reason(text: str) -> str:
    """Read why something is done: one line, cut where it grows too long."""
    if not (line := plain(text)):
        raise typer.BadParameter("must say why")
    return line


def user(text: str) -> str:
    """Read a user's id, as the engine does."""
    if not (1 <= len(text) <= _USER_MAX_CHARS and text.isprintable() and text.strip()):
        raise typer.BadParameter(f"must have 1 to {_USER_MAX_CHARS} printable characters, and not spaces alone")
    return text
