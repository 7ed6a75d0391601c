"""What the engine answers: the shapes of its JSON, in snake_case.

Amounts and prices are decimal strings in display units, times are ISO 8601 in UTC, unless a field says otherwise. Texts
are as the engine and its venues sent them: whoever shows them must escape them. Fields that a newer engine adds are
ignored; statuses and codes are strings, so that new ones pass.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bestfill.order import Status

ENDED = frozenset({Status.CONFIRMED.value, Status.FAILED.value})
"""The statuses that an order never leaves."""

OrderId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Count = Annotated[int, Meta(ge=0)]
Number = Annotated[int, Meta(ge=1)]


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is received; `msgspec.json.encode` writes it as the engine did."""


class Accepted(Wire, frozen=True, kw_only=True):
    """An order is stored. `idempotency_key` is the one it was sent with: the same order with it is not placed again."""

    order_id: OrderId
    ws_url: str
    status: str
    created_at: str
    idempotency_key: str = ""


class Order(Wire, frozen=True, kw_only=True):
    """An order as it stands after its event `seq`. `attempts` counts those begun, with the one it waits for."""

    id: OrderId
    user_id: str
    token_in: str
    token_out: str
    amount_in: str
    min_amount_out: str | None
    slippage_tolerance: float
    """Percent; `slippage_bps` says the same exactly."""
    slippage_bps: int
    status: str
    dex_selected: str | None
    tx_hash: str | None
    executed_price: str | None
    amount_out: str | None
    error_code: str | None
    error_reason: str | None
    attempts: Count
    created_at: str
    updated_at: str
    completed_at: str | None
    expires_at: str
    seq: Number

    @property
    def ended(self) -> bool:
        """Whether it is confirmed or failed, and so never changes again."""
        return self.status in ENDED


class OrderPage(Wire, frozen=True, kw_only=True):
    """A page of a user's orders, newest first; `total` counts all of them.

    `user_seq` is the user's last event as of before the orders were read: `watch_user(since=user_seq)` follows without
    a gap. An event whose `seq` is not above its order's is in that order already.
    """

    orders: tuple[Order, ...]
    limit: Count
    offset: Count
    total: Count
    user_seq: Count


class Event(Wire, frozen=True, kw_only=True):
    """One step of an order. `seq` counts the order's from 1, `user_seq` the user's, both without gaps.

    `data` holds what the step knew, in the engine's camelCase; `timestamp` is in milliseconds since 1970.
    """

    order_id: OrderId
    seq: Number
    user_seq: Number
    status: str
    attempt: Count
    data: dict[str, Any]
    timestamp: int

    @property
    def ended(self) -> bool:
        """Whether it is its order's last."""
        return self.status in ENDED


class EventList(Wire, frozen=True, kw_only=True):
    """An order's story, oldest first."""

    events: tuple[Event, ...]


class Quote(Wire, frozen=True, kw_only=True):
    """What one venue offered, and why it won or lost; without amounts, it offered nothing."""

    dex: str
    amount_out: str | None
    price_impact_bps: int | None
    fee_bps: int | None
    chosen: bool
    reason: str


class Leg(Wire, frozen=True, kw_only=True):
    """One trade of a route."""

    dex: str
    token_in: str
    token_out: str
    amount_in: str
    min_out: str


class Execution(Wire, frozen=True, kw_only=True):
    """One attempt at an order. Without `outcome`, it is under way; `attention` says why a person must look."""

    attempt: int
    quotes: tuple[Quote, ...]
    dex: str | None
    quoted_out: str | None
    min_out: str | None
    route: tuple[Leg, ...]
    signature: str | None
    last_valid_block_height: int | None
    outcome: str | None
    amount_in: str | None
    amount_out: str | None
    error_code: str | None
    error_reason: str | None
    attention: str | None
    started_at: str
    quoted_at: str | None
    submitted_at: str | None
    ended_at: str | None


class ExecutionList(Wire, frozen=True, kw_only=True):
    """An order's attempts, oldest first."""

    executions: tuple[Execution, ...]


class Preview(Wire, frozen=True, kw_only=True):
    """What an order would be offered now. Without `chosen`, `code` and `reason` say why nothing was."""

    token_in: str
    token_out: str
    amount_in: str
    slippage_bps: int
    chosen: str | None
    reason: str
    code: str | None
    amount_out: str | None
    min_out: str | None
    price: str | None
    quotes: tuple[Quote, ...]


class Token(Wire, frozen=True, kw_only=True):
    """A token that the engine knows by its symbol."""

    symbol: str
    mint: str
    decimals: Count


class TokenList(Wire, frozen=True, kw_only=True):
    """The tokens that the engine knows."""

    tokens: tuple[Token, ...]


class QueueStats(Wire, frozen=True, kw_only=True):
    """How many orders stand where; `dead_count` are those that a person must look at.

    `halted`: an operator has stopped the engine, so that nothing is signed and no order is taken. An engine that does
    not say so yet counts as not halted.
    """

    waiting_count: Count
    delayed_count: Count
    active_count: Count
    completed_count: Count
    failed_count: Count
    dead_count: Count
    concurrency: Count
    halted: bool = False


class SocketStats(Wire, frozen=True, kw_only=True):
    """WebSockets open now, the streams that they follow, and counts since that API's start."""

    connections: int
    subscriptions: int
    opened: Count
    closed: Count
    events_sent: Count
    slow_closed: Count


class ActivityStep(Wire, frozen=True, kw_only=True):
    """What happened within `step_s` seconds from `at`; the times are from acceptance to confirmation."""

    at: str
    accepted: Count
    confirmed: Count
    failed: Count
    p50_ms: int | None
    p95_ms: int | None


class Refusal(Wire, frozen=True, kw_only=True):
    """Why a venue last gave no quote, and when."""

    reason: str
    at: str


class VenueActivity(Wire, frozen=True, kw_only=True):
    """How often a venue was asked, quoted, won, and filled an order, within the steps."""

    dex: str
    asked: Count
    quoted: Count
    won: Count
    confirmed: Count
    last_refusal: Refusal | None


class Activity(Wire, frozen=True, kw_only=True):
    """What one API process saw since its start, oldest step first; the last step is still growing."""

    started_at: str
    step_s: int
    steps: tuple[ActivityStep, ...]
    venues: tuple[VenueActivity, ...]


class Health(Wire, frozen=True, kw_only=True):
    """The engine can serve."""

    status: str
