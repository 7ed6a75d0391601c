"""How the text of each field is read; every reader raises ValidationError with the mend."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from bestfill.errors import ValidationError
from bestfill.tokens import Token
from bestfill.units import BaseUnits, Bps, Millis, OrderId, to_base_units, to_display
from bestfill_api.form import Number

PLAIN_DECIMAL: Final = r"^[0-9]+(\.[0-9]+)?$"
USER_ID_MAX_CHARS: Final = 128

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_AMOUNT: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_WHOLE: Final = re.compile(r"[0-9]{1,15}")
_EXPONENT: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?[eE][+-]?[0-9]{1,2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_PERCENT_DECIMALS: Final = 2


def order_id(text: str) -> OrderId | None:
    """Read an order's id; None if it cannot be one."""
    lower = text.lower() if text.isascii() else ""
    return OrderId(lower) if _UUID.fullmatch(lower) else None


def user_id(text: str) -> str:
    """Read a user's id."""
    if not 1 <= len(text) <= USER_ID_MAX_CHARS:
        raise ValidationError(f"must have 1 to {USER_ID_MAX_CHARS} characters")
    if not text.isprintable():
        raise ValidationError("must have printable characters only")
    if text.isspace():
        raise ValidationError("must not be blank")
    return text


def amount(text: str, token: Token | None) -> BaseUnits:
    """Read an amount of a token; of an unknown token, only whether it is an amount at all (then it gives 0)."""
    if token is not None:
        return to_base_units(text, token.decimals)
    if not _AMOUNT.fullmatch(text):
        to_base_units(text, 0)
    return BaseUnits(0)


def positive_amount(text: str, token: Token | None) -> BaseUnits:
    """Read an amount that is more than nothing."""
    units = amount(text, token)
    if token is not None and units == 0:
        raise ValidationError("must be more than 0")
    return units


def percent(value: object, most: Bps) -> Bps:
    """Read a percentage with at most two decimals, from a JSON number or a decimal string, as basis points."""
    within = f"must be from 0 to {to_display(BaseUnits(most), _PERCENT_DECIMALS)} percent"
    if type(value) is int:
        if not 0 <= value * 100 <= most:
            raise ValidationError(within)
        return Bps(value * 100)
    if type(value) not in (str, Number):
        raise ValidationError('must be a number such as 0.5, or a decimal string such as "0.5"')
    text = str(value)
    if type(value) is Number and _EXPONENT.fullmatch(text):
        text = f"{Decimal(text):f}"
    match = _AMOUNT.fullmatch(text)
    if match is None or len(text) > 40:
        raise ValidationError(f"{within}, as a plain decimal number")
    if len((match[1] or "").rstrip("0")) > 1 + _PERCENT_DECIMALS:
        raise ValidationError("must have at most 2 decimals: basis points are the finest unit")
    units = to_base_units(text, _PERCENT_DECIMALS)
    if units > most:
        raise ValidationError(within)
    return Bps(units)


def basis_points(value: object, most: Bps) -> Bps:
    """Read a whole number of basis points."""
    if type(value) is not int or not 0 <= value <= most:
        raise ValidationError(f"must be a whole number from 0 to {most}")
    return Bps(value)


def moment(text: str) -> Millis:
    """Read an ISO 8601 time with its zone, cut to milliseconds."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        return Millis((datetime.fromisoformat(text) - _EPOCH) // _MS)
    except (ValueError, OverflowError):
        raise ValidationError('must be an ISO 8601 time with its zone, such as "2025-12-16T10:30:00Z"') from None


def whole(text: str, least: int, most: int) -> int:
    """Read a whole number within bounds."""
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise ValidationError(f"must be a whole number from {least} to {most}")
    return int(text)


def idempotency_key(values: list[bytes]) -> str | None:
    """Read the Idempotency-Key headers of a request, of which there may be one."""
    if not values:
        return None
    if len(values) > 1:
        raise ValidationError("must be given once", "Idempotency-Key")
    if not 1 <= len(values[0]) <= 255 or not all(0x20 <= byte <= 0x7E for byte in values[0]):
        raise ValidationError("must have 1 to 255 printable ASCII characters", "Idempotency-Key")
    return values[0].decode("ascii")
