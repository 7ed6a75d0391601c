"""What goes over the wire: camelCase, amounts and prices as decimal strings, times as ISO 8601 in UTC."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bestfill.errors import ErrorCode
from bestfill.order import AttemptOutcome, Status
from bestfill_api.fields import PLAIN_DECIMAL
from bestfill_api.form import FieldError

Amount = Annotated[str, Meta(pattern=PLAIN_DECIMAL, max_length=40, description="In display units.")]
Price = Annotated[str, Meta(pattern=PLAIN_DECIMAL, description="Output per input, in display units.")]
Time = Annotated[str, Meta(description="ISO 8601, UTC.", extra_json_schema={"format": "date-time"})]


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is sent or received."""


class Accepted(Wire, frozen=True, kw_only=True):
    """An order is stored; its story is at `wsUrl`."""

    order_id: str
    ws_url: str
    status: Status
    created_at: Time


class OrderView(Wire, frozen=True, kw_only=True):
    """An order as it stands, after event `seq`. `attempts` counts those begun, with the one it waits for."""

    id: str
    user_id: str
    token_in: str
    token_out: str
    amount_in: Amount
    min_amount_out: Amount | None
    slippage_tolerance: Annotated[float, Meta(description="Percent.")]
    slippage_bps: int
    status: Status
    dex_selected: str | None
    tx_hash: str | None
    executed_price: Price | None
    amount_out: Amount | None
    error_code: ErrorCode | None
    error_reason: str | None
    attempts: int
    created_at: Time
    updated_at: Time
    completed_at: Time | None
    expires_at: Time
    seq: int


class OrderList(Wire, frozen=True, kw_only=True):
    """A page of a user's orders, newest first; `total` counts all of them.

    All events of the user up to `userSeq` are in it: with that as `since`, a WebSocket goes on where it ends.
    """

    orders: list[OrderView]
    limit: int
    offset: int
    total: int
    user_seq: int


class EventMessage(Wire, frozen=True, kw_only=True):
    """One step of an order; `seq` counts the order's, `userSeq` the user's. `timestamp` is in epoch milliseconds."""

    event: Literal["status_update"] = "status_update"
    order_id: str
    seq: int
    user_seq: int
    status: Status
    attempt: int
    data: dict[str, Any]
    timestamp: int


class EventList(Wire, frozen=True, kw_only=True):
    """An order's story, oldest first."""

    events: list[EventMessage]


class QuoteView(Wire, frozen=True, kw_only=True):
    """What one venue offered, and why it won or lost; without amounts, it offered nothing."""

    dex: str
    amount_out: Amount | None
    price_impact_bps: int | None
    fee_bps: int | None
    chosen: bool
    reason: str


class LegView(Wire, frozen=True, kw_only=True):
    """One trade of a route."""

    dex: str
    token_in: str
    token_out: str
    amount_in: Amount
    min_out: Amount


class Execution(Wire, frozen=True, kw_only=True):
    """One attempt at an order. Without `outcome`, it is under way; `attention` says why a person must look."""

    attempt: int
    quotes: list[QuoteView]
    dex: str | None
    quoted_out: Amount | None
    min_out: Amount | None
    route: list[LegView]
    signature: str | None
    last_valid_block_height: int | None
    outcome: AttemptOutcome | None
    amount_in: Amount | None
    amount_out: Amount | None
    error_code: ErrorCode | None
    error_reason: str | None
    attention: str | None
    started_at: Time
    quoted_at: Time | None
    submitted_at: Time | None
    ended_at: Time | None


class ExecutionList(Wire, frozen=True, kw_only=True):
    """An order's attempts, oldest first."""

    executions: list[Execution]


class Preview(Wire, frozen=True, kw_only=True):
    """What an order would be offered now. Without `chosen`, `code` and `reason` say why nothing was."""

    token_in: str
    token_out: str
    amount_in: Amount
    slippage_bps: int
    chosen: str | None
    reason: str
    code: ErrorCode | None
    amount_out: Amount | None
    min_out: Amount | None
    price: Price | None
    quotes: list[QuoteView]


class TokenView(Wire, frozen=True, kw_only=True):
    """A token; its amounts have at most `decimals` decimals."""

    symbol: str
    mint: str
    decimals: int


class TokenViews(Wire, frozen=True, kw_only=True):
    """The tokens that orders may name."""

    tokens: list[TokenView]


class ActivityStep(Wire, frozen=True, kw_only=True):
    """What happened from `at` on, for `stepS` seconds.

    `p50Ms` and `p95Ms` are of the orders confirmed in it, from acceptance to confirmation, to three digits.
    """

    at: Time
    accepted: int
    confirmed: int
    failed: int
    p50_ms: int | None
    p95_ms: int | None


class Refusal(Wire, frozen=True, kw_only=True):
    """Why a venue gave no quote."""

    at: Time
    reason: str


class VenueActivity(Wire, frozen=True, kw_only=True):
    """How often a venue was asked, gave a quote, was chosen, and filled an order, over all steps."""

    dex: str
    asked: int
    quoted: int
    won: int
    confirmed: int
    last_refusal: Refusal | None


class ActivityView(Wire, frozen=True, kw_only=True):
    """What this process has heard of over the last minutes, since `startedAt` at the most, oldest step first."""

    started_at: Time
    step_s: int
    steps: list[ActivityStep]
    venues: list[VenueActivity]


class QueueStats(Wire, frozen=True, kw_only=True):
    """How many orders stand where; `deadCount` are those that a person must look at.

    `halted`: an operator has stopped the engine, so that nothing is signed and no order is taken.
    """

    waiting_count: int
    delayed_count: int
    active_count: int
    completed_count: int
    failed_count: int
    dead_count: int
    concurrency: int
    halted: bool


class SocketStats(Wire, frozen=True, kw_only=True):
    """Sockets open now, the streams that they follow, and counts since the start."""

    connections: int
    subscriptions: int
    opened: int
    closed: int
    events_sent: int
    slow_closed: int


class Health(Wire, frozen=True, kw_only=True):
    """The process answers, and what it was asked to check does too."""

    status: Literal["ok"] = "ok"


class Problem(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not served (RFC 9457). `code` is for machines; `errors` has one entry for each wrong field.

    With POLICY_DENIED, `rule` is the operator's setting that forbids it, or `halt`.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET
    rule: str | msgspec.UnsetType = msgspec.UNSET


class HaltView(Wire, frozen=True, kw_only=True):
    """Whether the engine is halted: then it signs nothing new. `by` says who did it, `since` when."""

    halted: bool
    reason: str | None
    by: str | None
    since: Time | None


encode = msgspec.json.Encoder().encode
