"""An order and its attempts, as they are stored."""

import enum
from collections.abc import Mapping
from typing import TypeVar

from attrs import field, frozen

from bestfill.errors import ErrorCode
from bestfill.quote import Considered, Fill, Leg, QuoteRequest, SignedSwap
from bestfill.tokens import Token
from bestfill.units import BPS, U64_MAX, BaseUnits, Bps, Millis, Mint, OrderId, Signature

T = TypeVar("T")


class Status(enum.StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    ROUTING = "routing"
    BUILDING = "building"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Whether the order has ended."""
        return self in (Status.CONFIRMED, Status.FAILED)


class AttemptOutcome(enum.StrEnum):
    """How an attempt ended."""

    LANDED = "landed"
    REVERTED = "reverted"
    EXPIRED = "expired"
    """Its signature is proven never to land."""
    ABANDONED = "abandoned"
    """It ended before anything was signed."""


@frozen(kw_only=True)
class OrderRequest:
    """A market order as asked for: amounts in base units, `expires_at` None for the default.

    Raises:
        ValueError: an amount, the slippage or the pair is out of bounds.
    """

    user_id: str
    token_in: Token
    token_out: Token
    amount_in: BaseUnits
    min_amount_out: BaseUnits | None = None
    slippage_bps: Bps
    expires_at: Millis | None = None

    def __attrs_post_init__(self) -> None:
        if self.token_in.mint == self.token_out.mint:
            raise ValueError("token_in and token_out must differ")
        if type(self.amount_in) is not int or not 0 < self.amount_in <= U64_MAX:
            raise ValueError("amount_in must be a whole number from 1 to 2**64 - 1 base units")
        least = self.min_amount_out
        if least is not None and (type(least) is not int or not 0 <= least <= U64_MAX):
            raise ValueError("min_amount_out must be a whole number from 0 to 2**64 - 1 base units")
        if type(self.slippage_bps) is not int or not 0 <= self.slippage_bps <= BPS:
            raise ValueError("slippage_bps must be a whole number from 0 to 10000")

    @property
    def quote_request(self) -> QuoteRequest:
        """What venues are asked."""
        return QuoteRequest(
            input_mint=self.token_in.mint,
            output_mint=self.token_out.mint,
            amount_in=self.amount_in,
            decimals_in=self.token_in.decimals,
            decimals_out=self.token_out.decimals,
        )


@frozen(kw_only=True, slots=False)
class Order:
    """An order's row. It equals the fold of its events, but for `version` and `wake_at`, which are the engine's own.

    `wake_at` is, for a waiting order, the time its next attempt is due; for a running one, the time by which the
    step at hand must have been committed. `seq` is the number of its last event.
    """

    id: OrderId
    user_id: str
    token_in: Mint
    token_out: Mint
    decimals_in: int
    decimals_out: int
    amount_in: BaseUnits
    min_amount_out: BaseUnits | None
    slippage_bps: Bps
    status: Status
    attempt: int
    dex_selected: str | None = None
    tx_hash: Signature | None = None
    executed_price: str | None = None
    amount_out: BaseUnits | None = None
    error_code: ErrorCode | None = None
    error_reason: str | None = None
    expires_at: Millis
    created_at: Millis
    updated_at: Millis
    completed_at: Millis | None = None
    seq: int
    version: int
    wake_at: Millis

    @property
    def quote_request(self) -> QuoteRequest:
        """What venues are asked."""
        return QuoteRequest(
            input_mint=self.token_in,
            output_mint=self.token_out,
            amount_in=self.amount_in,
            decimals_in=self.decimals_in,
            decimals_out=self.decimals_out,
        )


@frozen(kw_only=True, slots=False)
class Attempt:
    """One try at an order, numbered from 1: what was considered, what was signed, how it ended.

    Its signature is live while `signed` is set and `outcome` is not. `attention` says why a person must look at it.
    """

    order_id: OrderId
    number: int
    quotes: tuple[Considered, ...] = ()
    venue: str | None = None
    quoted_out: BaseUnits | None = None
    min_out: BaseUnits | None = None
    quoted_at: Millis | None = None
    route: tuple[Leg, ...] = ()
    signed: SignedSwap | None = None
    submitted_at: Millis | None = None
    outcome: AttemptOutcome | None = None
    fill: Fill | None = None
    error_code: ErrorCode | None = None
    error_reason: str | None = None
    attention: str | None = None
    started_at: Millis
    ended_at: Millis | None = None


@frozen(kw_only=True)
class Failure:
    """A failed attempt, kept for post-mortems."""

    order_id: OrderId
    attempt: int
    code: ErrorCode
    reason: str
    metadata: Mapping[str, str | None] = field(factory=dict[str, str | None])
    at: Millis


@frozen(kw_only=True)
class IdempotencyKey:
    """A user's key, and the digest of the request that it was first used with."""

    user_id: str
    key: str
    digest: str


def revised(value: T, **changes: object) -> T:
    """Give a copy of an order, attempt or event with some fields changed: what `attrs.evolve` does, six times as fast.

    It copies the fields as they are, so the class must have a `__dict__` and nothing to do at construction.

    Raises:
        TypeError: there is no such field.
    """
    fields = vars(value)
    if not changes.keys() <= fields.keys():
        raise TypeError(f"{type(value).__name__} has no {', '.join(changes.keys() - fields.keys())}")
    copy = object.__new__(type(value))
    vars(copy).update(fields, **changes)
    return copy
