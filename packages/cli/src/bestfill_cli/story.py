"""An order's events, as lines and as a receipt. What is in an event's data may be anything."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bestfill_cli.screen import Cell, Marked
from bestfill_cli.words import Symbols, clock, span, status
from bestfill_client import Event

_WIDEST: Final = len("confirmed")
_AWAITED: Final = {
    "pending": "waiting for a worker",
    "routing": "asking the venues",
    "building": "building and signing the swap",
    "submitted": "waiting for the chain",
}


def awaited(event: Event) -> str:
    """Say what the order is waiting for after an event."""
    return _AWAITED.get(event.status, event.status)


def line(event: Event, told: Sequence[Event], symbols: Symbols) -> list[Cell]:
    """Give a step as a line: the time since the first that was told, the status, what the step knew."""
    passed = span(max(0, event.timestamp - told[0].timestamp)) or ""
    return [Marked(f"{passed:>10}", "dim"), _status(event), about(event, asked(told), symbols)]


def user_line(event: Event, symbols: Symbols) -> list[Cell]:
    """Give a step of any of a user's orders: the time of day, the order, its status, what the step knew."""
    return [
        Marked(clock(event.timestamp), "dim"),
        event.order_id,
        _status(event),
        about(event, event.data if event.seq == 1 else {}, symbols),
    ]


def asked(told: Sequence[Event]) -> Mapping[str, Any]:
    """Give what the first event says was asked for, if it was told."""
    return told[0].data if told and told[0].seq == 1 else {}


def about(event: Event, asked: Mapping[str, Any], symbols: Symbols) -> str:
    """Say what a step knew."""
    data, out = event.data, asked.get("tokenOut")
    match event.status:
        case "pending" if event.attempt > 1:
            return f"attempt {event.attempt} comes next: {_error(data)}"
        case "pending" if asked:
            least = f" for at least {_amount(data, 'minAmountOut', out, symbols)}" if data.get("minAmountOut") else ""
            into = symbols.of(out)
            return f"{_amount(data, 'amountIn', asked.get('tokenIn'), symbols)} to {into}{least}"
        case "building":
            return (
                f"{text(data.get('dex'))} offers {_amount(data, 'amountOut', out, symbols)}: {text(data.get('reason'))}"
            )
        case "submitted" if data.get("attention"):
            return f"needs a person: {text(data['attention'])}"
        case "submitted":
            return f"{text(data.get('dex'))} {text(data.get('txHash'))}"
        case "confirmed":
            paid = _amount(data, "amountIn", asked.get("tokenIn"), symbols)
            return f"{paid} paid, {_amount(data, 'amountOut', out, symbols)} received"
        case "failed":
            return _error(data)
        case _:
            return ""


def receipt(told: Sequence[Event], symbols: Symbols) -> dict[str, Cell]:
    """Give what came of an order that has ended: what was paid and received, where, and how long it took."""
    last, first = told[-1], asked(told)
    data = last.data
    took = span(max(0, last.timestamp - told[0].timestamp)) if first else None
    fields: dict[str, Cell] = {"order": last.order_id, "status": _status(last)}
    if last.status == "confirmed":
        into, out = symbols.of(first.get("tokenIn", "")), symbols.of(first.get("tokenOut", ""))
        price = text(data.get("price"))
        fields |= {
            "paid": _amount(data, "amountIn", first.get("tokenIn"), symbols),
            "received": _amount(data, "amountOut", first.get("tokenOut"), symbols),
            "price": f"{price} {out} per {into}" if first else price,
            "venue": text(data.get("dex")),
            "txHash": text(data.get("txHash")),
        }
    else:
        fields |= {"paid": "nothing", "why": _error(data)}
    return fields | {"took": took and f"{took} from acceptance", "attempts": str(last.attempt)}


def text(value: Any) -> str:
    """Give a value of an event's data as text."""
    return "-" if value is None else str(value)


def _status(event: Event) -> Marked:
    shown = status(event.status)
    return Marked(shown.text.ljust(_WIDEST), shown.style)


def _amount(data: Mapping[str, Any], name: str, mint: Any, symbols: Symbols) -> str:
    amount = text(data.get(name))
    return amount if mint is None else f"{amount} {symbols.of(mint)}"


def _error(data: Mapping[str, Any]) -> str:
    return f"{text(data.get('errorCode'))}: {text(data.get('errorReason'))}"
