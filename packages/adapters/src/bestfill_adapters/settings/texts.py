"""Reads the text of one variable: gives its value, or raises a ValueError that says what it must be."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from bestfill.errors import ValidationError
from bestfill.units import Bps, to_base_units
from bestfill_adapters.settings.model import Hidden

PPM: Final = 1_000_000
"""A whole, in parts per million."""
LONGEST_MS: Final = 600_000
VENUE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a venue plugin may be called."""

_LOG_LEVELS: Final = ("debug", "info", "warn", "error")
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HOST_MAX_CHARS: Final = 253
_RANGE: Final = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


def whole(least: int, most: int, times: int = 1) -> Callable[[str], int]:
    """Make a reader of whole numbers in a range, given back so many times as large."""
    number = Annotated[int, Meta(ge=least, le=most)]

    def read(text: str) -> int:
        try:
            return times * msgspec.convert(text, number, strict=False)
        except msgspec.ValidationError:
            raise ValueError(f"must be a whole number from {least} to {most}") from None

    return read


def host(text: str) -> str:
    """Read where to listen."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        labels = text.split(".")
        # What ends in a number can only be meant as an address, and is none.
        if len(text) <= _HOST_MAX_CHARS and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit():
            return text
    raise ValueError("must be an IP address or a host name, such as 127.0.0.1, ::1 or localhost")


def log_level(text: str) -> str:
    """Read a log level."""
    if (level := text.lower()) not in _LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(_LOG_LEVELS)}")
    return level


def database_url(text: str) -> Hidden:
    """Read PostgreSQL's URL."""
    if not re.match(r"postgres(ql)?(\+[a-z0-9]+)?://\S+$", text):
        raise ValueError("must be a URL such as postgresql://user:password@host:5432/name")
    return Hidden(text)


def redis_url(text: str) -> Hidden:
    """Read Redis's URL."""
    if not re.match(r"(rediss?|valkeys?|unix)://\S+$", text):
        raise ValueError("must be a URL such as redis://host:6379/0")
    return Hidden(text)


def folder(text: str) -> Path:
    """Read the path of a folder."""
    if not text.isprintable():
        raise ValueError("must be the path of a folder")
    return Path(text)


def venues(text: str) -> tuple[str, ...]:
    """Read names of venue plugins."""
    names = tuple(name.strip() for name in text.split(","))
    if len(set(names)) != len(names) or not all(VENUE_NAME.fullmatch(name) for name in names):
        raise ValueError("must be names of venue plugins, each once, parted by commas")
    return names


def percent(text: str) -> Bps:
    """Read a percentage, as basis points."""
    return Bps(_scaled(text, 2, 9_999, "must be a percentage from 0 to 99.99 with at most 2 decimals"))


def rate(text: str) -> int:
    """Read a rate, as parts per million."""
    return _scaled(text, 6, PPM, "must be a number from 0 to 1 with at most 6 decimals, such as 0.05")


def _scaled(text: str, places: int, most: int, mend: str) -> int:
    """Read decimal text exactly, as an integer number of its `places`-th decimals."""
    try:
        number = to_base_units(text, places)
    except ValidationError:
        raise ValueError(mend) from None
    if number > most:
        raise ValueError(mend)
    return number


def range_ms(text: str) -> tuple[int, int]:
    """Read a range in milliseconds, or one number for both its ends."""
    if match := _RANGE.fullmatch(text):
        lowest, highest = int(match[1]), int(match[2] or match[1])
        if lowest <= highest <= LONGEST_MS:
            return lowest, highest
    raise ValueError(f'must be a range such as "2000-3000", or one number, of at most {LONGEST_MS} milliseconds')


def seed(text: str) -> str:
    """Read a seed."""
    if len(text) > 64 or not text.isprintable():
        raise ValueError("must be at most 64 printable characters")
    return text


def file(text: str) -> Path:
    """Read the path of a file."""
    if not text.isprintable():
        raise ValueError("must be the path of a file")
    return Path(text)


def switch(text: str) -> bool:
    """Read what is on or off."""
    if (word := text.lower()) not in {"true", "false"}:
        raise ValueError("must be true or false")
    return word == "true"
