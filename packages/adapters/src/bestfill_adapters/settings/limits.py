"""Reads the variables of the limits, whose defaults depend on whether callers are known."""

import re
from typing import Final

import msgspec

from bestfill_adapters.limits.rate import DENSEST, Rate
from bestfill_adapters.settings.model import LimitSettings

KNOWN_CALLERS: Final = LimitSettings(ip=Rate(3_000, 60), key=Rate(1_200, 60), orders=Rate(600, 60), sockets=100)
"""What holds for what is not set, where there is access control; without it nothing is limited."""

_COUNT_MAX: Final = 1_000_000
_DAY_S: Final = 86_400
_RATE: Final = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,4})", re.ASCII)
_BAD_RATE: Final = (
    f"must be a count and seconds such as 600/60, at most {_COUNT_MAX} in at most {_DAY_S} seconds, "
    f"and {DENSEST} a second; or 0 for no limit"
)


def rate(text: str) -> Rate | None:
    """Read a rate; None is no limit."""
    if text == "0":
        return None
    if match := _RATE.fullmatch(text):
        count, per_s = int(match[1]), int(match[2])
        if count <= min(_COUNT_MAX, DENSEST * per_s) and per_s <= _DAY_S:
            return Rate(count, per_s)
    raise ValueError(_BAD_RATE)


def places(text: str) -> int | None:
    """Read how many sockets somebody may have; None is no limit."""
    try:
        count = msgspec.convert(text, int, strict=False)
    except msgspec.ValidationError:
        count = -1
    if not 0 <= count <= _COUNT_MAX:
        raise ValueError(f"must be a whole number from 1 to {_COUNT_MAX}, or 0 for no limit")
    return count or None


def limits(given: dict[str, object], *, known_callers: bool) -> LimitSettings:
    """Give the limits by what is set."""
    defaults = KNOWN_CALLERS if known_callers else LimitSettings()
    return msgspec.structs.replace(defaults, **given)
