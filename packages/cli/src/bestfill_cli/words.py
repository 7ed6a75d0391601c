"""How tokens, times and orders are worded for people."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from bestfill_cli.screen import Marked

if TYPE_CHECKING:
    from bestfill_client import Quote, Token

_STYLES: Final = {"confirmed": "good", "failed": "bad", "submitted": "strong"}
_SHORT_CHARS: Final = 12


class Symbols:
    """Mints by the symbols of the engine's token list; others are shown shortened."""

    def __init__(self, tokens: "Iterable[Token]" = ()) -> None:
        self._symbols = {token.mint: token.symbol for token in tokens}

    def of(self, mint: Any) -> str:
        """Give a token's name for people."""
        text = str(mint)
        if (symbol := self._symbols.get(text)) is not None:
            return symbol
        return text if len(text) <= _SHORT_CHARS else f"{text[:4]}…{text[-4:]}"

    def amount(self, amount: Any, mint: Any) -> str | None:
        """Give an amount with its token; None if there is none."""
        return None if amount is None else f"{amount} {self.of(mint)}"


def status(text: str) -> Marked:
    """Give a status in its colour."""
    return Marked(text, _STYLES.get(text, "dim"))


def span(ms: int | None) -> str | None:
    """Give a time span for people: 12 ms, 5.62 s, 3 min 20 s."""
    if ms is None:
        return None
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1_000:.2f} s"
    minutes, left_ms = divmod(ms, 60_000)
    return f"{minutes} min {left_ms // 1_000} s"


def between(start: str | None, end: str | None) -> str | None:
    """Give the time from one ISO 8601 moment to another; None if one is missing, or is no moment."""
    if start is None or end is None:
        return None
    try:
        passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    except (ValueError, TypeError):
        return None
    return span(round(passed.total_seconds() * 1_000))


def second(moment: str) -> str:
    """Give an ISO 8601 moment without the fraction of its second."""
    head, dot, _ = moment.partition(".")
    return f"{head}Z" if dot else moment


def clock(timestamp_ms: int) -> str:
    """Give the time of day in UTC of a moment in milliseconds since 1970."""
    try:
        return datetime.fromtimestamp(timestamp_ms / 1_000, UTC).strftime("%H:%M:%S.%f")[:-3] + "Z"
    except (ValueError, OverflowError, OSError):
        return str(timestamp_ms)


def percent(bps: int | None) -> str | None:
    """Give basis points as percent."""
    return None if bps is None else f"{Decimal(bps).scaleb(-2).normalize():f} %"


def quote_row(quote: "Quote", out: str) -> list[Any]:
    """Give a venue's quote as a row: venue, what it pays, impact, fee, reason."""
    pays = None if quote.amount_out is None else f"{quote.amount_out} {out}"
    chosen = Marked(quote.dex, "good") if quote.chosen else quote.dex
    return [
        "*" if quote.chosen else "",
        chosen,
        pays,
        percent(quote.price_impact_bps),
        percent(quote.fee_bps),
        quote.reason,
    ]
