"""What the pools of one DEX program are like, in its own terms: pure functions of account bytes.

Sides are 0 and 1 as the program has them (Raydium's token 0 and 1, DLMM's X and Y, DAMM's A and B); `forward` is a swap
from side 0 to side 1. Amounts are base units.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from bestfill.units import Mint
from bestfill_adapters.solana.account import Refused, Snapshot

if TYPE_CHECKING:
    from bestfill_adapters.solana.signer import Signer


@frozen
class Meta:
    """One account of an instruction."""

    address: str
    writable: bool = False
    signer: bool = False


@frozen(kw_only=True)
class Instruction:
    """One instruction of a transaction, before it is compiled."""

    program: str
    accounts: tuple[Meta, ...]
    data: bytes


@frozen(kw_only=True)
class Priced:
    """What a pool gives: `amount_out` after all fees; `fee` is of the output token if `fee_on_output`, else the input.

    `fee_bps` is the fee's part of what it is taken from, and `price_impact_bps` how far the average price, fees left
    aside, lies below the pool's price before the swap; both rounded up. `arrays` names the tick or bin arrays (by start
    tick or index) that the swap walks through, in walking order.
    """

    amount_out: int
    fee: int
    fee_on_output: bool = False
    fee_bps: int
    price_impact_bps: int
    arrays: tuple[int, ...] = ()


@frozen(kw_only=True)
class Trader:
    """Whose swap it is: the wallet that signs, and its token accounts of the input and the output."""

    wallet: str
    source: str
    destination: str


@frozen(kw_only=True)
class SwapCall:
    """What a swap's instructions say, read back from them; None for a mint that they do not name."""

    trader: Trader
    pool: str
    amount_in: int
    min_out: int
    input_mint: str | None = None
    output_mint: str | None = None


class Market(Protocol):
    """A DEX program. No method does I/O; each raises Refused for what it does not fully understand."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The venue's name, such as `raydium_cpmm`."""

    @property
    def cosigners(self) -> "Mapping[str, Signer]":
        """Who must sign its swaps besides the wallet, by address: nobody, unless a market says otherwise."""
        return {}

    def pool_of(self, mints: tuple[str, str], config: str) -> str:
        """Give the address of the pool that the program puts at these mints and this config, if it has one.

        Raises:
            Refused: its pools' addresses do not follow from these (`not_derived`).
        """
        raise Refused("not_derived", f"{self.name} has no such pools: give the pool's address")

    @abstractmethod
    def mints(self, pool: str, snapshot: Snapshot) -> tuple[Mint, Mint]:
        """Give the mints of sides 0 and 1 of a pool, whose account must be in the snapshot."""

    @abstractmethod
    def accounts(self, pool: str, snapshot: Snapshot, *, forward: bool) -> tuple[str, ...]:
        """Give the addresses that a quote reads besides the pool's own, which must be in the snapshot.

        All that can be told from the snapshot; those of arrays in walking order, no more than fit a transaction.
        """

    @abstractmethod
    def price(self, pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
        """Say exactly what a swap of `amount_in` would give, were it the next; `amount_out` may be 0."""

    @abstractmethod
    def terms(self, pool: str, snapshot: Snapshot, priced: Priced, *, forward: bool) -> tuple[str, ...]:
        """Give the addresses that the swap's instruction needs besides the trader's own: all that `swap` must be told.

        They are stored with the quote, since a swap may be built after a restart.
        """

    @abstractmethod
    def swap(
        self, terms: Sequence[str], trader: Trader, amount_in: int, min_out: int, *, forward: bool
    ) -> tuple[Instruction, ...]:
        """Make the instructions that swap, and fail on chain rather than pay less than `min_out`."""

    @abstractmethod
    def read_swap(self, instructions: Sequence[Instruction]) -> SwapCall:
        """Read back what such instructions say, trusting nothing but their bytes.

        Raises:
            Refused: they are not exactly what `swap` makes (`not_a_swap`).
        """
