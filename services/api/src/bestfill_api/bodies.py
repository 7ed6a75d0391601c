"""What requests carry, as the OpenAPI document shows it; `intake` is what reads it, field by field."""

from typing import Annotated

from msgspec import Meta

from bestfill.units import BPS
from bestfill_api.dto import Amount, Time, Wire
from bestfill_api.fields import PLAIN_DECIMAL, USER_ID_MAX_CHARS

TokenName = Annotated[
    str, Meta(min_length=1, description="A mint address, or a symbol of the token list.", examples=["SOL", "USDC"])
]
Percent = (
    Annotated[float, Meta(ge=0, le=100, examples=[0.5])]
    | Annotated[str, Meta(pattern=PLAIN_DECIMAL, max_length=40, examples=["0.5"])]
)


class SwapBody(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to swap. Of `slippageTolerance` (percent, at most two decimals) and `slippageBps`, give one at the most."""

    token_in: TokenName
    token_out: TokenName
    amount_in: Annotated[Amount, Meta(examples=["1.5"])]
    min_amount_out: Annotated[Amount, Meta(examples=["140"])] | None = None
    slippage_tolerance: Percent | None = None
    slippage_bps: Annotated[int, Meta(ge=0, le=BPS)] | None = None
    expires_at: Annotated[Time, Meta(description="With its zone, at most 24 hours ahead.")] | None = None


class OrderBody(SwapBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A market order."""

    user_id: Annotated[str, Meta(min_length=1, max_length=USER_ID_MAX_CHARS, examples=["user-123"])]


class HaltBody(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the engine is halted: for those who find it so."""

    reason: Annotated[str, Meta(min_length=1, max_length=200, examples=["prices look wrong"])]


class QuoteBody(SwapBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A market order to preview."""

    user_id: Annotated[str, Meta(min_length=1, max_length=USER_ID_MAX_CHARS)] | None = None
