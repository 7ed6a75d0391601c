"""What happened to an order: the story that is stored, streamed, and folded back into the order's row.

An event's `data` is the published form (camelCase, amounts as display strings), so that what is stored is, byte for
byte, what clients see. Times inside `data` are epoch milliseconds, as `timestamp` is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from attrs import field, frozen

from bestfill.errors import BestfillError, ErrorCode
from bestfill.order import Attempt, Order, Status, revised
from bestfill.quote import Considered, Fill
from bestfill.units import BaseUnits, Bps, Millis, Mint, OrderId, price, to_base_units, to_display

JsonValue: TypeAlias = "Mapping[str, JsonValue] | Sequence[JsonValue] | str | int | bool | None"
Data: TypeAlias = Mapping[str, JsonValue]
T = TypeVar("T")


@frozen(kw_only=True, slots=False)
class OrderEvent:
    """One step of one order.

    `seq` counts the order's events from 1 without gaps. `user_seq` does the same over all events of the user;
    the store gives it, so it is 0 before.
    """

    order_id: OrderId
    user_id: str
    seq: int
    user_seq: int = 0
    status: Status
    attempt: int
    data: Data = field(repr=False)
    timestamp: Millis


def accepted(order: Order) -> OrderEvent:
    """The first event: everything that was asked for."""
    return OrderEvent(
        order_id=order.id,
        user_id=order.user_id,
        seq=1,
        status=Status.PENDING,
        attempt=1,
        timestamp=order.created_at,
        data={
            "dex": None,
            "price": None,
            "txHash": None,
            "userId": order.user_id,
            "tokenIn": order.token_in,
            "tokenOut": order.token_out,
            "decimalsIn": order.decimals_in,
            "decimalsOut": order.decimals_out,
            "amountIn": to_display(order.amount_in, order.decimals_in),
            "minAmountOut": _display(order.min_amount_out, order.decimals_out),
            "slippageBps": order.slippage_bps,
            "expiresAt": order.expires_at,
        },
    )


def routing(order: Order, now: Millis) -> OrderEvent:
    """Quotes are being asked for."""
    return _next(order, Status.ROUTING, now, {})


def building(order: Order, attempt: Attempt, reason: str, now: Millis) -> OrderEvent:
    """A venue is chosen: every quote that was seen, and why."""
    quoted_out = _known(attempt.quoted_out)
    data: Data = {
        "dex": attempt.venue,
        "price": price(order.amount_in, order.decimals_in, quoted_out, order.decimals_out),
        "amountOut": to_display(quoted_out, order.decimals_out),
        "minAmountOut": _display(attempt.min_out, order.decimals_out),
        "reason": reason,
        "quotes": quotes_data(order.decimals_out, attempt.quotes),
    }
    return _next(order, Status.BUILDING, now, data)


def submitted(order: Order, attempt: Attempt, now: Millis) -> OrderEvent:
    """A signed swap is durably recorded; from here on it may be on chain."""
    signed = _known(attempt.signed)
    data: Data = {
        "txHash": signed.signature,
        "minAmountOut": _display(attempt.min_out, order.decimals_out),
        "lastValidBlockHeight": signed.last_valid_block_height,
    }
    return _next(order, Status.SUBMITTED, now, data)


def confirmed(order: Order, fill: Fill, now: Millis) -> OrderEvent:
    """The swap landed."""
    data: Data = {
        "price": price(fill.amount_in, order.decimals_in, fill.amount_out, order.decimals_out),
        "amountIn": to_display(fill.amount_in, order.decimals_in),
        "amountOut": to_display(fill.amount_out, order.decimals_out),
    }
    return _next(order, Status.CONFIRMED, now, data)


def failed(order: Order, error: BestfillError, quotes: tuple[Considered, ...], now: Millis) -> OrderEvent:
    """The order ended without a swap."""
    return _next(order, Status.FAILED, now, _error_data(order, error, quotes))


def retried(
    order: Order, error: BestfillError, quotes: tuple[Considered, ...], retry_at: Millis, now: Millis
) -> OrderEvent:
    """The attempt failed and the next one is due at `retry_at`."""
    data = {**_error_data(order, error, quotes), "dex": None, "txHash": None, "retryAt": retry_at}
    return _next(order, Status.PENDING, now, data, order.attempt + 1)


def flagged(order: Order, reason: str, now: Millis) -> OrderEvent:
    """The network cannot say what became of the swap, so a person must."""
    return _next(order, Status.SUBMITTED, now, {"attention": reason})


def apply(order: Order, event: OrderEvent, *, version: int = 0, wake_at: Millis = Millis(0)) -> Order:
    """Give the order as it is after its next event.

    Raises:
        ValueError: the event is not the order's next one.
    """
    if event.order_id != order.id or event.seq != order.seq + 1 or event.timestamp < order.updated_at:
        raise ValueError(f"event {event.seq} of {event.order_id} does not follow {order.seq} of {order.id}")
    data = event.data
    changes: dict[str, Any] = {}
    match event.status:
        case Status.PENDING | Status.BUILDING:
            changes = {"dex_selected": data["dex"], "tx_hash": None}
        case Status.SUBMITTED:
            changes = {"tx_hash": data["txHash"]}
        case Status.CONFIRMED:
            amount_out = to_base_units(str(data["amountOut"]), order.decimals_out)
            changes = {
                "amount_out": amount_out,
                "executed_price": data["price"],
                "completed_at": event.timestamp,
            }
        case Status.FAILED:
            changes = {
                "error_code": ErrorCode(str(data["errorCode"])),
                "error_reason": data["errorReason"],
                "completed_at": event.timestamp,
            }
        case Status.ROUTING:
            pass
    return revised(
        order,
        status=event.status,
        attempt=event.attempt,
        seq=event.seq,
        updated_at=event.timestamp,
        version=version,
        wake_at=wake_at,
        **changes,
    )


def fold(events: Iterable[OrderEvent]) -> Order:
    """Rebuild an order from its whole story, with `version` and `wake_at` 0.

    Raises:
        ValueError: the story is empty, has a gap, or does not begin with its first event.
    """
    story = iter(events)
    first = next(story, None)
    if first is None or first.seq != 1 or first.status is not Status.PENDING:
        raise ValueError("a story begins with event 1, pending")
    order = _born(first)
    for event in story:
        order = apply(order, event)
    return order


def without_engine_fields(order: Order) -> Order:
    """Give the order as `fold` would: without what only the engine uses."""
    return revised(order, version=0, wake_at=Millis(0))


def quotes_data(decimals_out: int, quotes: Iterable[Considered]) -> list[JsonValue]:
    """Publish what a routing decision saw."""
    return [
        {
            "dex": c.venue,
            "amountOut": _display(c.quote.amount_out, decimals_out) if c.quote else None,
            "priceImpactBps": c.quote.price_impact_bps if c.quote else None,
            "feeBps": c.quote.fee_bps if c.quote else None,
            "chosen": c.chosen,
            "reason": c.reason,
        }
        for c in quotes
    ]


def _next(order: Order, status: Status, now: Millis, data: Data, attempt: int | None = None) -> OrderEvent:
    return OrderEvent(
        order_id=order.id,
        user_id=order.user_id,
        seq=order.seq + 1,
        status=status,
        attempt=attempt or order.attempt,
        # A clock that jumped back must not make the story go back.
        timestamp=max(now, order.updated_at),
        data={"dex": order.dex_selected, "price": None, "txHash": order.tx_hash, **data},
    )


def _error_data(order: Order, error: BestfillError, quotes: tuple[Considered, ...]) -> Data:
    data: Data = {"errorCode": error.code, "errorReason": error.reason}
    return {**data, "quotes": quotes_data(order.decimals_out, quotes)} if quotes else data


def _born(event: OrderEvent) -> Order:
    asked = cast("Mapping[str, Any]", event.data)
    decimals_in, decimals_out = int(asked["decimalsIn"]), int(asked["decimalsOut"])
    min_out = asked["minAmountOut"]
    return Order(
        id=event.order_id,
        user_id=event.user_id,
        token_in=Mint(asked["tokenIn"]),
        token_out=Mint(asked["tokenOut"]),
        decimals_in=decimals_in,
        decimals_out=decimals_out,
        amount_in=to_base_units(asked["amountIn"], decimals_in),
        min_amount_out=None if min_out is None else to_base_units(min_out, decimals_out),
        slippage_bps=Bps(asked["slippageBps"]),
        status=event.status,
        attempt=event.attempt,
        expires_at=Millis(asked["expiresAt"]),
        created_at=event.timestamp,
        updated_at=event.timestamp,
        seq=1,
        version=0,
        wake_at=Millis(0),
    )


def _display(amount: BaseUnits | None, decimals: int) -> str | None:
    return None if amount is None else to_display(amount, decimals)


def _known(value: T | None) -> T:
    if value is None:
        raise ValueError("the attempt lacks what this step needs")
    return value
