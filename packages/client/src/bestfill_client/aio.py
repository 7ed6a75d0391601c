"""The client that awaits, on asyncio."""

import random
import ssl
import time
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import httpx

from bestfill_client import arguments, calls, following, sending
from bestfill_client.arguments import Amount
from bestfill_client.async_hand import Hand
from bestfill_client.models import (
    Accepted,
    Activity,
    Event,
    Execution,
    Health,
    Order,
    OrderPage,
    Preview,
    QueueStats,
    SocketStats,
    Token,
)
from bestfill_client.patience import Patience
from bestfill_client.steps import Conditions, Outcome, Steps, Tell
from bestfill_client.stream import Stream
from bestfill_client.transport import Transport

T = TypeVar("T")


class AsyncBestfill:
    """A bestfill engine as `Bestfill` has it, with coroutines and async iterators; for one asyncio event loop.

    Wrap a stream that you may leave before its end in `contextlib.aclosing`: else its connection stays for a while.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:3000",
        *,
        user_id: str | None = None,
        key: str | None = None,
        insecure: bool = False,
        timeout_s: float = 30.0,
        patience: Patience | None = None,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        trust_env: bool = True,
    ) -> None:
        self._transport = Transport.build(base_url, headers, tls, trust_env=trust_env, key=key, insecure=insecure)
        where, timeout_s = self._transport.address.http, arguments.span("timeout_s", timeout_s)
        self._on = Conditions(where, patience or Patience(), timeout_s, time.monotonic, random.random)
        self._user_id = user_id
        self._http = httpx.AsyncClient(**self._transport.http())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. A stream under way has its own, which ends with its iterator."""
        await self._http.aclose()

    async def submit(
        self,
        token_in: str,
        token_out: str,
        amount_in: Amount,
        *,
        min_amount_out: Amount | None = None,
        slippage: Amount | None = None,
        slippage_bps: int | None = None,
        expires_at: str | datetime | None = None,
        user_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Place a market order, once, however often it must be sent.

        Args:
            token_in, token_out: symbols such as "SOL", or mint addresses.
            amount_in, min_amount_out: in display units; never floats.
            slippage: percent, at most two decimals; or slippage_bps, in basis points. By default the engine's.
            expires_at: ISO 8601 with its zone, or a datetime with one.
            idempotency_key: made if not given. To survive a crash, a cancellation or a timeout of your own,
                store one (`new_key`) before, and give it again with the very same order.

        Raises:
            EngineError: the order was not accepted; or, if it is `in_doubt`, perhaps was: submit the very same again
                with the error's `idempotency_key`, within a day, and it is not placed twice.
        """
        body = calls.swap(token_in, token_out, amount_in, min_amount_out, slippage, slippage_bps, expires_at)
        return await self._run(sending.submit(calls.submit(self._user(user_id), idempotency_key, body), self._on))

    async def quote(
        self,
        token_in: str,
        token_out: str,
        amount_in: Amount,
        *,
        min_amount_out: Amount | None = None,
        slippage: Amount | None = None,
        slippage_bps: int | None = None,
        expires_at: str | datetime | None = None,
    ) -> Preview:
        """Say what an order would be offered now: every venue's quote, the choice and why. Nothing is stored."""
        body = calls.swap(token_in, token_out, amount_in, min_amount_out, slippage, slippage_bps, expires_at)
        return await self._run(sending.send(calls.quote(body), self._on))

    async def order(self, order_id: str) -> Order:
        """Give an order as it stands."""
        return await self._run(sending.send(calls.order(order_id), self._on))

    async def orders(self, user_id: str | None = None, limit: int = 10, offset: int = 0) -> OrderPage:
        """Give a page of a user's orders, newest first; at most 100."""
        return await self._run(sending.send(calls.orders(self._user(user_id), limit, offset), self._on))

    async def events(self, order_id: str) -> tuple[Event, ...]:
        """Give an order's events so far, oldest first."""
        return (await self._run(sending.send(calls.events(order_id), self._on))).events

    async def executions(self, order_id: str) -> tuple[Execution, ...]:
        """Give an order's attempts so far, oldest first."""
        return (await self._run(sending.send(calls.executions(order_id), self._on))).executions

    async def cancel(self, order_id: str) -> Order:
        """End an order that has not been signed.

        Raises:
            TooLate: it is signed, or has ended.
            EngineError: if it is `in_doubt`, the order may have been cancelled.
        """
        return await self._run(sending.cancel(order_id, self._on))

    def watch(self, order_id: str, since: int = 0) -> AsyncGenerator[Event, None]:
        """Tell an order's events after the number `since`: each once, in order, none missing, to the last.

        A connection that is lost is taken up again where it ended. To go on later, or elsewhere, give the last event's
        `seq` as `since`.

        Raises:
            EngineError: it cannot go on, having told the events up to `since`.
        """
        stream = Stream(order_id=arguments.order_id(order_id), since=since)
        return self._tell(following.follow(stream, self._on))

    def watch_user(self, user_id: str | None = None, since: int | None = None) -> AsyncGenerator[Event, None]:
        """Tell all events of a user's orders, without end: those after the `user_seq` of `since`, or from now on.

        Now is when the first event is asked for; to miss none before that, give the `user_seq` that `orders` has.

        Raises:
            EngineError: it cannot go on, having told the events up to `since`.
        """
        user = self._user(user_id)
        since = None if since is None else arguments.whole("since", since)
        return self._tell(following.follow_user(user, since, self._on))

    async def wait(self, order_id: str, timeout_s: float | None = None) -> Order:
        """Give an order once it has ended, confirmed or failed.

        Raises:
            TimedOut: it has not in `timeout_s` seconds, beyond the time of the last answer.
        """
        return await self._run(following.wait(order_id, timeout_s, self._on))

    async def queue_stats(self) -> QueueStats:
        """Count orders by where they stand."""
        return await self._run(sending.send(calls.queue_stats(), self._on))

    async def socket_stats(self) -> SocketStats:
        """Count the WebSockets of the API process that answers."""
        return await self._run(sending.send(calls.socket_stats(), self._on))

    async def activity(self) -> Activity:
        """Give what the API process that answers saw over the last minutes."""
        return await self._run(sending.send(calls.activity(), self._on))

    async def tokens(self) -> tuple[Token, ...]:
        """Give the tokens that the engine knows by their symbols."""
        return (await self._run(sending.send(calls.tokens(), self._on))).tokens

    async def ready(self) -> Health:
        """Ask once whether the engine can serve.

        Raises:
            Unavailable: not now; the message says what does not answer.
        """
        return await self._run(sending.send(calls.ready(), self._on, tries=1))

    def _user(self, user_id: str | None) -> str | None:
        user_id = self._user_id if user_id is None else user_id
        return calls.user(user_id, credential=self._transport.credential)

    async def _run(self, steps: Steps[T]) -> T:
        async with Hand(self._http, self._transport) as hand:
            outcome: Outcome = None
            while True:
                try:
                    step = steps.send(outcome)
                except StopIteration as done:
                    return done.value
                outcome = await hand.do(step)

    async def _tell(self, steps: Steps[None]) -> AsyncGenerator[Event, None]:
        async with Hand(self._http, self._transport) as hand:
            outcome: Outcome = None
            while True:
                try:
                    step = steps.send(outcome)
                except StopIteration:
                    return
                outcome = await hand.do(step)
                if isinstance(step, Tell):
                    yield step.event
