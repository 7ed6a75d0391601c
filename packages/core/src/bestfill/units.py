"""Amounts as integers in base units, moments in milliseconds, and their exact ways in and out of text."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NewType

from bestfill.errors import ValidationError

Mint = NewType("Mint", str)
"""A token's address: base58 of 32 bytes."""
Signature = NewType("Signature", str)
"""A transaction's signature: base58 of 64 bytes."""
OrderId = NewType("OrderId", str)
"""An order's id: a lower-case UUID."""
BaseUnits = NewType("BaseUnits", int)
"""An amount of a token in its smallest unit, 0 … 2⁶⁴ − 1."""
Bps = NewType("Bps", int)
"""Hundredths of a percent."""
Millis = NewType("Millis", int)
"""A moment, in milliseconds since 1970 (UTC), or a span in milliseconds."""

U64_MAX: Final = 2**64 - 1
BPS: Final = 10_000
BASE58_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_BASE58_VALUE: Final = {c: i for i, c in enumerate(BASE58_ALPHABET)}
_BASE58_PAIRS: Final = [high + low for high in BASE58_ALPHABET for low in BASE58_ALPHABET]
_DECIMAL: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_AMOUNT_MAX_CHARS: Final = 40
_PRICE_DIGITS: Final = 12


def to_base_units(text: str, decimals: int) -> BaseUnits:
    """Read a display amount exactly.

    Args:
        text: plain ASCII digits with at most one point, at most 40 characters.
        decimals: of the token, 0 … 255.

    Raises:
        ValidationError: not such a number, finer than the token's decimals, or above 2⁶⁴ − 1 base units.
    """
    match = _DECIMAL.fullmatch(text) if len(text) <= _AMOUNT_MAX_CHARS else None
    if match is None:
        raise ValidationError(
            f'must be a plain decimal number such as "1.5", of at most {_AMOUNT_MAX_CHARS} characters'
        )
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise ValidationError(f"has {len(fraction)} decimal places, but the token has only {decimals}")
    amount = int(whole + fraction.ljust(decimals, "0"))
    if amount > U64_MAX:
        raise ValidationError(f"must be at most {to_display(BaseUnits(U64_MAX), decimals)}")
    return BaseUnits(amount)


def to_display(amount: BaseUnits, decimals: int) -> str:
    """Write an amount in display units, exactly and without trailing zeros."""
    if decimals == 0:
        return str(amount)
    whole, fraction = divmod(amount, 10**decimals)
    digits = str(fraction).rjust(decimals, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def price(amount_in: BaseUnits, decimals_in: int, amount_out: BaseUnits, decimals_out: int) -> str:
    """Write output per input in display units, cut (never rounded up) after 12 or 13 significant digits."""
    numerator, denominator = amount_out * 10**decimals_in, amount_in * 10**decimals_out
    places = max(0, _PRICE_DIGITS - (len(str(numerator)) - len(str(denominator))))
    return to_display(BaseUnits(numerator * 10**places // denominator), places)


def base58_decode(text: str) -> bytes:
    """Decode base58 (the Bitcoin alphabet, as Solana uses it).

    Raises:
        ValidationError: a character is not of the alphabet; the message names it and its place.
    """
    number = 0
    for place, char in enumerate(text, 1):
        value = _BASE58_VALUE.get(char)
        if value is None:
            raise ValidationError(f"is not base58: character {place} is {_name(char)}")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58_encode(data: bytes) -> str:
    """Encode bytes as base58."""
    number, digits = int.from_bytes(data, "big"), list[str]()
    while number:
        # In steps that fit a machine word, two digits at a time: a fifth of the time that single digits take.
        number, step = divmod(number, 58**10)
        for _ in range(5):
            step, pair = divmod(step, 58**2)
            digits.append(_BASE58_PAIRS[pair])
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + "".join(reversed(digits)).lstrip("1")


def to_mint(text: str) -> Mint:
    """Read a mint address.

    Raises:
        ValidationError: not base58 of exactly 32 bytes.
    """
    if len(text) > 64:
        raise ValidationError("is too long for a mint address, which has at most 44 characters")
    size = len(base58_decode(text))
    if size != 32:
        raise ValidationError(f"is not a mint address: it decodes to {size} bytes instead of 32")
    return Mint(text)


def uuid7(now: Millis, random_bits: int) -> OrderId:
    """Make a time-ordered UUID (RFC 9562, version 7) from a moment and 74 random bits."""
    value = (now & (2**48 - 1)) << 80 | 7 << 76 | (random_bits >> 62 & 0xFFF) << 64
    value |= 2 << 62 | random_bits & (2**62 - 1)
    digits = f"{value:032x}"
    return OrderId(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")


def uuid7_moment(order_id: OrderId) -> Millis:
    """Give the moment that `uuid7` made an id from."""
    return Millis(int(order_id[:8] + order_id[9:13], 16))


def iso(moment: Millis) -> str:
    """Write a moment as ISO 8601 in UTC; milliseconds only if there are any."""
    seconds, ms = divmod(moment, 1000)
    return f"{_second(seconds)}.{ms:03d}Z" if ms else f"{_second(seconds)}Z"


@lru_cache(maxsize=64)  # most moments that are written are of these last seconds
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def _name(char: str) -> str:
    return f"'{char}'" if char.isprintable() and char.isascii() else f"U+{ord(char):04X}"
