"""DLMM's bins: what each holds, its price, and the fee that volatility makes of it."""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from attrs import frozen

from bestfill.units import BPS
from bestfill_adapters.solana.account import Account, Refused, checked, discriminator
from bestfill_adapters.solana.quoting.amounts import ceil_div

BINS: Final = 70
"""To an array."""
BILLION: Final = 10**9
Q64: Final = 2**64
U128_MAX: Final = 2**128 - 1

_ARRAY_BYTES: Final = 10_136
_ARRAY: Final = discriminator("BinArray")
_FIRST_BIN: Final = 56
_BIN: Final = Struct("<QQQQ80xQ8xQ4xB3x")
"""Amounts of X and Y, the price's halves, open orders, what remains of processed ones, whether they sell X."""
_BIN_BYTES: Final = _BIN.size
_MOST_VERSION: Final = 3
"""The program reads arrays of all versions up to this one alike."""
_MOST_RATE: Final = 10**8
_SCALE: Final = 10**11
_EXPONENTS: Final = 2**19


class Bin(NamedTuple):
    """A bin that has something to give: its price (Q64.64, Y per X) and what it gives, in the order it gives it.

    Its own amount comes first, which may be 0, and limit orders after it.
    """

    bin_id: int
    price: int
    held: tuple[int, ...]


def check_array(account: Account, pair: str, index: int, program: str) -> bytes:
    """Give an array's bytes.

    Raises:
        Refused: it is no bin array, of another pair, or another one of the pair's (`wrong_array`).
    """
    checked(account, program, _ARRAY_BYTES, _ARRAY)
    if account.address(24) != pair or account.signed(8, 8) != index:
        raise Refused("wrong_array", "a bin array is another than the one that was asked for")
    if account.data[16] > _MOST_VERSION:
        raise Refused("array_version", f"a bin array is of a version that is not known: {account.data[16]}")
    return account.data


def bins(data: bytes, index: int, active_id: int, *, forward: bool, orders: bool) -> Iterator[Bin]:
    """Give those bins of an array that have something to give, in walking order: down from the active one, or up.

    Args:
        data: an array's bytes.
        index: the array's.
        active_id: the pair's active bin; a walk starts there, or at the array's near end if it is in another.
        forward: whether X is swapped for Y.
        orders: whether the pair has limit orders.

    Raises:
        Refused: a bin holds something, but has no price (`no_price`).
    """
    first = index * BINS
    start = active_id - first
    slots = range(min(start, BINS - 1), -1, -1) if forward else range(max(start, 0), BINS)
    for slot in slots:
        amount_x, amount_y, low, high, opened, processed, asks = _BIN.unpack_from(data, _FIRST_BIN + slot * _BIN_BYTES)
        amount = amount_y if forward else amount_x
        if orders and (opened or processed):
            # Orders that sell Y are filled by who sells X, and the other way round.
            if (asks == 0) != forward:
                opened = processed = 0
            held = (amount, processed, opened)
        else:
            held = (amount,)
        if not any(held):
            continue
        price = low | high << 64
        if not price:
            raise Refused("no_price", "a bin holds something, but has no price")
        yield Bin(first + slot, price, held)


@frozen(kw_only=True)
class FeeCurve:
    """How a pair's fee rate, of a billion, grows with the distance from where its price was quiet last."""

    base: int
    control: int
    bin_step: int
    index_reference: int
    volatility_reference: int
    most_volatility: int

    def rate(self, bin_id: int) -> int:
        """Give the rate that holds in a bin."""
        if not self.control:
            return min(self.base, _MOST_RATE)
        distance = abs(self.index_reference - bin_id)
        volatility = min(self.volatility_reference + distance * BPS, self.most_volatility)
        return min(self.base + ceil_div(self.control * (volatility * self.bin_step) ** 2, _SCALE), _MOST_RATE)


def price_of(bin_id: int, bin_step: int) -> int:
    """Give a bin's price, (1 + bin_step / 10000) to the power of its id, as Q64.64, rounded as the program does.

    Raises:
        Refused: it is too great or too small for the program (`no_price`).
    """
    exponent = abs(bin_id)
    # Of numbers below one, squares stay small: so the power is taken of the inverse, and inverted.
    square, power = U128_MAX // (Q64 + bin_step * Q64 // BPS), Q64
    if exponent >= _EXPONENTS:
        raise Refused("no_price", "the pair's active bin is out of range")
    while exponent:
        if exponent & 1:
            power = power * square >> 64
        square = square * square >> 64
        exponent >>= 1
    if not power:
        raise Refused("no_price", "the pair's price is out of range")
    return U128_MAX // power if bin_id > 0 else power
