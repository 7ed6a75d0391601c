"""What the WebSockets' messages carry in `data`, by the step that they tell of: what `bestfill.events` makes, as types.

`dex`, `price` and `txHash` are always there, if only as null. Times inside `data` are epoch milliseconds.
"""

from typing import Annotated, Final, TypeAlias

import msgspec
from attrs import frozen
from msgspec import Meta

from bestfill.errors import ErrorCode
from bestfill.order import Status
from bestfill_api.dto import Amount, Price, QuoteView, Wire

Venue: TypeAlias = Annotated[str, Meta(description="The venue's name.")]
Mint: TypeAlias = Annotated[str, Meta(description="A token's address.")]
Signature: TypeAlias = Annotated[str, Meta(description="The swap's signature, in base58.")]
EpochMs: TypeAlias = Annotated[int, Meta(description="Epoch milliseconds.")]
Decimals: TypeAlias = Annotated[int, Meta(ge=0, description="How many decimals its amounts have at most.")]


class AcceptedData(Wire, frozen=True, kw_only=True):
    """Everything that was asked for."""

    dex: None
    price: None
    tx_hash: None
    user_id: str
    token_in: Mint
    token_out: Mint
    decimals_in: Decimals
    decimals_out: Decimals
    amount_in: Amount
    min_amount_out: Amount | None
    slippage_bps: int
    expires_at: EpochMs


class RetriedData(Wire, frozen=True, kw_only=True):
    """Why the last attempt failed, the quotes if it saw any, and when the next one is due."""

    dex: None
    price: None
    tx_hash: None
    error_code: ErrorCode
    error_reason: str
    quotes: list[QuoteView] | msgspec.UnsetType = msgspec.UNSET
    retry_at: EpochMs


class RoutingData(Wire, frozen=True, kw_only=True):
    """Nothing is known yet."""

    dex: None
    price: None
    tx_hash: None


class BuildingData(Wire, frozen=True, kw_only=True):
    """The choice, why, and every quote that it was made from; the swap must pay at least `minAmountOut`."""

    dex: Venue
    price: Price
    tx_hash: None
    amount_out: Amount
    min_amount_out: Amount
    reason: str
    quotes: list[QuoteView]


class SubmittedData(Wire, frozen=True, kw_only=True):
    """The signature that is on record; after `lastValidBlockHeight` it can't land any more."""

    dex: Venue
    price: None
    tx_hash: Signature
    min_amount_out: Amount
    last_valid_block_height: int


class FlaggedData(Wire, frozen=True, kw_only=True):
    """Why a person must look."""

    dex: Venue
    price: None
    tx_hash: Signature
    attention: str


class ConfirmedData(Wire, frozen=True, kw_only=True):
    """What was really swapped."""

    dex: Venue
    price: Price
    tx_hash: Signature
    amount_in: Amount
    amount_out: Amount


class FailedData(Wire, frozen=True, kw_only=True):
    """Why, and the quotes if the last attempt saw any."""

    dex: Venue | None
    price: None
    tx_hash: Signature | None
    error_code: ErrorCode
    error_reason: str
    quotes: list[QuoteView] | msgspec.UnsetType = msgspec.UNSET


@frozen(kw_only=True)
class Kind:
    """One kind of message: the status that it carries, and what its `data` holds."""

    status: Status
    data: type[Wire]
    about: str


KINDS: Final = {
    "accepted": Kind(
        status=Status.PENDING, data=AcceptedData, about="The order is stored and waits for a worker: its first event."
    ),
    "retried": Kind(
        status=Status.PENDING,
        data=RetriedData,
        about="An attempt failed, and the order waits for the next one, which `attempt` counts already.",
    ),
    "routing": Kind(status=Status.ROUTING, data=RoutingData, about="Quotes are fetched and compared."),
    "building": Kind(
        status=Status.BUILDING, data=BuildingData, about="A venue is chosen; the swap is built and signed."
    ),
    "submitted": Kind(
        status=Status.SUBMITTED,
        data=SubmittedData,
        about="The signed swap is on record; from here on it may be on the chain.",
    ),
    "flagged": Kind(
        status=Status.SUBMITTED,
        data=FlaggedData,
        about="Nobody can tell what became of the swap, so a person must look; the order goes on as it can.",
    ),
    "confirmed": Kind(status=Status.CONFIRMED, data=ConfirmedData, about="The swap landed. The order has ended."),
    "failed": Kind(status=Status.FAILED, data=FailedData, about="The order has ended without a swap."),
}
"""All kinds, by the names that the AsyncAPI document gives them."""
