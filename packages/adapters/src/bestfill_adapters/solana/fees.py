"""What a transaction costs, and what is offered for its place in a block. Integers only."""

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from bestfill.errors import ExecutionError
from bestfill_adapters.solana.frame import COMPUTE_BUDGET, SET_LIMIT, SET_PRICE
from bestfill_adapters.solana.market import Instruction
from bestfill_adapters.solana.transaction import read_message, split

UNITS_MAX: Final = 1_400_000
"""What one transaction may compute at most."""
SIGNATURE_LAMPORTS: Final = 5_000

_MARGIN_PERCENT: Final = 10
_MARGIN_UNITS: Final = 20_000  # the pool may move, and the swap then walk through a few bins or ticks more
_MICRO: Final = 1_000_000


def compute_limit(simulated_units: int) -> int:
    """Give the limit for a transaction that took so many compute units when it was simulated.

    Raises:
        ExecutionError: that is more than a transaction may compute.
    """
    if simulated_units > UNITS_MAX:
        raise ExecutionError(f"the swap needs {simulated_units} compute units, but a transaction may use {UNITS_MAX}")
    margin = -(-simulated_units * _MARGIN_PERCENT // 100) + _MARGIN_UNITS
    return min(simulated_units + margin, UNITS_MAX)


@frozen(kw_only=True)
class FeePolicy:
    """How much to offer: as much as a `percentile` (1 … 100, by nearest rank) of those who landed lately, up to a cap.

    The cap is `max_priority_fee`, in lamports a transaction.
    """

    percentile: int
    max_priority_fee: int

    def price(self, recent: Sequence[int], limit: int) -> int:
        """Give the price to offer, in micro-lamports a compute unit; 0 if none was paid lately.

        Args:
            recent: prices that were paid lately.
            limit: the transaction's compute limit, in compute units.
        """
        if not recent:
            return 0
        rank = max(1, -(-len(recent) * self.percentile // 100))
        return min(sorted(recent)[rank - 1], self.max_priority_fee * _MICRO // limit)


def priority_lamports(limit: int, price: int) -> int:
    """Give what a limit at a price comes to: ⌈limit · price / 10⁶⌉."""
    return -(-limit * price // _MICRO)


def fee_lamports(transaction: bytes) -> int:
    """Give the fee that a transaction pays, landed or reverted: 5,000 a signature, and the priority fee.

    Raises:
        ExecutionError: the bytes are not a transaction, or it does not say what it may compute at which price.
    """
    message = read_message(split(transaction)[1])
    return message.signers * SIGNATURE_LAMPORTS + priority_lamports(*read_budget(message.instructions))


def read_budget(instructions: Sequence[Instruction]) -> tuple[int, int]:
    """Give the limit (in compute units) and the price (in micro-lamports a unit) that begin a transaction.

    Raises:
        ExecutionError: it does not begin with exactly these two.
    """
    first = [i for i in instructions[:2] if i.program == COMPUTE_BUDGET and not i.accounts]
    if len(first) == 2:
        limit, price = (i.data for i in first)
        if (limit[:1], len(limit)) == (SET_LIMIT, 5) and (price[:1], len(price)) == (SET_PRICE, 9):
            return int.from_bytes(limit[1:], "little"), int.from_bytes(price[1:], "little")
    raise ExecutionError("the transaction does not begin with a compute limit and a compute price")
