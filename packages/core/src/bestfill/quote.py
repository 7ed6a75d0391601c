"""What venues offer, and what becomes of the offer that is taken."""

import enum

from attrs import field, frozen

from bestfill.units import BaseUnits, Bps, Mint, OrderId, Signature


@frozen(kw_only=True)
class QuoteRequest:
    """Ask for the output of swapping exactly `amount_in` base units of `input_mint`."""

    input_mint: Mint
    output_mint: Mint
    amount_in: BaseUnits
    decimals_in: int
    decimals_out: int


@frozen(kw_only=True)
class Quote:
    """A venue's offer: `amount_out` is what the user receives, after all fees, in base units.

    `payload` is the venue's own, opaque to everyone else; it is stored, so that a swap can be built after a restart.
    """

    venue: str
    input_mint: Mint
    output_mint: Mint
    amount_in: BaseUnits
    amount_out: BaseUnits
    price_impact_bps: Bps
    fee_bps: Bps = Bps(0)
    payload: bytes = b""


@frozen(kw_only=True)
class Considered:
    """One venue's part in a routing decision: its quote, if it gave one, and why it won or lost."""

    venue: str
    quote: Quote | None
    reason: str
    chosen: bool = False


@frozen(kw_only=True)
class Leg:
    """What the network needs in order to trade at one venue; `payload` is opaque to the core."""

    venue: str
    input_mint: Mint
    output_mint: Mint
    amount_in: BaseUnits
    min_out: BaseUnits
    payload: bytes = b""


@frozen(kw_only=True)
class SwapPlan:
    """All that one atomic transaction has to do, and for which order: what is signed is held against it."""

    order_id: OrderId
    attempt: int
    input_mint: Mint
    output_mint: Mint
    amount_in: BaseUnits
    min_out: BaseUnits
    route: tuple[Leg, ...]


@frozen(kw_only=True)
class SignedSwap:
    """A signed transaction: it can land only while the block height is at most `last_valid_block_height`."""

    signature: Signature
    transaction: bytes = field(repr=False)
    blockhash: str
    last_valid_block_height: int


@frozen(kw_only=True)
class Fill:
    """What a landed swap really moved, in base units."""

    amount_in: BaseUnits
    amount_out: BaseUnits


@frozen
class Height:
    """A finalized block height, and the slot it was read at. Slots run ahead of heights: some have no block."""

    block_height: int
    slot: int


class SwapOutcome(enum.StrEnum):
    """What the network says of a signature."""

    LANDED = "landed"
    """Finalized, and it succeeded."""
    REVERTED = "reverted"
    """Finalized, and it failed on chain: nothing was swapped."""
    SEEN = "seen"
    """On a block that may yet be dropped; this proves nothing."""
    NOT_FOUND = "not_found"
    """On no block as of the slot; alone, this proves nothing."""
    UNKNOWN = "unknown"
    """The network cannot tell any more (its history is pruned)."""


@frozen(kw_only=True)
class SwapStatus:
    """What the network says of a signature as of `slot`; `fill` is there exactly when it landed."""

    outcome: SwapOutcome
    slot: int
    fill: Fill | None = None
    reason: str = ""
