"""Reads the text of arguments that neither Typer nor the engine reads."""

import re
from datetime import UTC, datetime

import typer

from bestfill.units import Millis


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
