"""An engine that is not there: what the client would have told, and what it was asked."""

from collections.abc import Iterable
from typing import Any, Self

from bestfill_client import (
    Accepted,
    Activity,
    Event,
    Execution,
    Order,
    OrderPage,
    Preview,
    QueueStats,
    Quote,
    SocketStats,
    Token,
)

SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
TOKENS = (Token(symbol="SOL", mint=SOL, decimals=9), Token(symbol="USDC", mint=USDC, decimals=6))
BEGAN_MS = 1_800_000_000_000


def order_id(n: int = 1) -> str:
    return f"00000000-0000-7000-8000-{n:012d}"


def order(n: int = 1, **fields: Any) -> Order:
    made: dict[str, Any] = {
        "id": order_id(n),
        "user_id": "user-123",
        "token_in": SOL,
        "token_out": USDC,
        "amount_in": "1.5",
        "min_amount_out": "140",
        "slippage_tolerance": 0.5,
        "slippage_bps": 50,
        "status": "confirmed",
        "dex_selected": "raydium",
        "tx_hash": "5" * 88,
        "executed_price": "144.1",
        "amount_out": "216.15",
        "error_code": None,
        "error_reason": None,
        "attempts": 1,
        "created_at": "2026-11-22T12:37:15.761Z",
        "updated_at": "2026-11-22T12:37:21.378Z",
        "completed_at": "2026-11-22T12:37:21.378Z",
        "expires_at": "2026-11-22T12:42:15.761Z",
        "seq": 5,
    }
    return Order(**made | fields)


def failed(n: int = 1, reason: str = "no venue meets the minimum output") -> Order:
    nothing = dict.fromkeys(("dex_selected", "tx_hash", "executed_price", "amount_out"))
    return order(n, status="failed", error_code="ROUTING_ERROR", error_reason=reason, **nothing)


def event(seq: int, status: str, ms: int = 0, attempt: int = 1, n: int = 1, **data: Any) -> Event:
    known = {"dex": None, "price": None, "txHash": None} | data
    return Event(
        order_id=order_id(n),
        seq=seq,
        user_seq=seq,
        status=status,
        attempt=attempt,
        data=known,
        timestamp=BEGAN_MS + ms,
    )


ASKED = {"tokenIn": SOL, "tokenOut": USDC, "amountIn": "1.5", "minAmountOut": "140", "slippageBps": 50}
STORY = (
    event(1, "pending", **ASKED),
    event(2, "routing", 8),
    event(3, "building", 2_688, dex="raydium", amountOut="216.15", price="144.1", reason="pays the most"),
    event(4, "submitted", 2_691, dex="raydium", txHash="5" * 88),
    event(5, "confirmed", 5_617, dex="raydium", txHash="5" * 88, price="144.1", amountIn="1.5", amountOut="216.15"),
)
FAILURE = (
    event(1, "pending", **ASKED),
    event(2, "routing", 8),
    event(3, "failed", 12, errorCode="ROUTING_ERROR", errorReason="no venue meets the minimum output"),
)


def quote(
    dex: str = "raydium", *, chosen: bool = True, reason: str = "pays the most", out: str | None = "216.15"
) -> Quote:
    return Quote(dex=dex, amount_out=out, price_impact_bps=out and 0, fee_bps=out and 25, chosen=chosen, reason=reason)


def preview(*quotes: Quote, **fields: Any) -> Preview:
    made: dict[str, Any] = {
        "token_in": SOL,
        "token_out": USDC,
        "amount_in": "1.5",
        "slippage_bps": 50,
        "chosen": "raydium",
        "reason": "pays the most",
        "code": None,
        "amount_out": "216.15",
        "min_out": "215.06925",
        "price": "144.1",
        "quotes": quotes or (quote(), quote("meteora", chosen=False, reason="pays less", out="208.1")),
    }
    return Preview(**made | fields)


def attempt(**fields: Any) -> Execution:
    empty = dict.fromkeys(Execution.__struct_fields__)
    known = {"attempt": 1, "quotes": (quote(),), "dex": "raydium", "route": (), "outcome": "landed"}
    return Execution(**empty | known | {"started_at": "2026-11-22T12:37:15.770Z"} | fields)


class Engine:
    """Answers with what it was given, or raises it; notes what it was asked."""

    def __init__(self, orders: Iterable[Order] = (), **answers: Any) -> None:
        self.kept = list(orders)
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _answer(self, name: str, default: Any, **asked: Any) -> Any:
        self.asked.append((name, asked))
        answer = self.answers.get(name, default)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def submit(self, token_in: str, token_out: str, amount_in: str, **rest: Any) -> Accepted:
        accepted = Accepted(
            order_id=order_id(),
            ws_url=f"/ws/{order_id()}",
            status="pending",
            created_at="2026-11-22T12:37:15.761Z",
            idempotency_key=rest["idempotency_key"],
        )
        return self._answer("submit", accepted, swap=(token_in, token_out, amount_in), **rest)

    def quote(self, token_in: str, token_out: str, amount_in: str, **rest: Any) -> Preview:
        return self._answer("quote", preview(), swap=(token_in, token_out, amount_in), **rest)

    def order(self, order_id: str) -> Order:
        return self._answer("order", order(), order_id=order_id)

    def orders(self, user_id: str, limit: int, offset: int) -> OrderPage:
        page = OrderPage(
            orders=tuple(self.kept[offset : offset + limit]),
            limit=limit,
            offset=offset,
            total=len(self.kept),
            user_seq=7,
        )
        return self._answer("orders", page, user_id=user_id, limit=limit, offset=offset)

    def executions(self, order_id: str) -> tuple[Execution, ...]:
        return self._answer("executions", (attempt(),))

    def events(self, order_id: str) -> tuple[Event, ...]:
        return self._answer("events", STORY)

    def cancel(self, order_id: str) -> Order:
        return self._answer("cancel", failed(), order_id=order_id)

    def tokens(self) -> tuple[Token, ...]:
        return self._answer("tokens", TOKENS)

    def queue_stats(self) -> QueueStats:
        stats = QueueStats(
            waiting_count=1,
            delayed_count=2,
            active_count=3,
            completed_count=4,
            failed_count=5,
            dead_count=6,
            concurrency=10,
            halted=False,
        )
        return self._answer("queue_stats", stats)

    def socket_stats(self) -> SocketStats:
        stats = SocketStats(connections=1, subscriptions=1, opened=2, closed=1, events_sent=9, slow_closed=0)
        return self._answer("socket_stats", stats)

    def activity(self) -> Activity:
        return self._answer("activity", Activity(started_at="2026-11-22T12:00:00Z", step_s=5, steps=(), venues=()))


class Following:
    """The same for streams: tells the events it was given, then raises or waits for ever if it is to."""

    def __init__(self, events: Iterable[Event] = STORY, then: Any = None, tokens: Any = TOKENS) -> None:
        self.events, self.then, self._tokens = events, then, tokens
        self.asked: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def tokens(self) -> Any:
        if isinstance(self._tokens, BaseException):
            raise self._tokens
        return self._tokens

    async def watch(self, order_id: str) -> Any:
        self.asked.append(order_id)
        for told in self.events:
            yield told
        await self._end()

    async def watch_user(self, user_id: str, since: int | None = None) -> Any:
        self.asked.append((user_id, since))
        for told in self.events:
            yield told
        await self._end()

    async def _end(self) -> None:
        if isinstance(self.then, BaseException):
            raise self.then
        if self.then is not None:
            await self.then.wait()
