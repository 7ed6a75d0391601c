"""The client that blocks."""

import random
import ssl
import time
from collections.abc import Generator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import httpx

from bestfill_client import arguments, calls, following, sending
from bestfill_client.arguments import Amount
from bestfill_client.hand import Hand
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


class Bestfill:
    """A bestfill engine, as its HTTP API and WebSockets show it. Usable from several threads; each stream from one.

    Args:
        base_url: where the engine is; it may have a path, as behind a reverse proxy.
        user_id: whose orders, where a call does not say; with a key, it may be left out, and is the key's owner.
        key: who asks: an API key (`bf_…`) or a token, where the engine wants one. It is sent with each request and
            socket, and never shown.
        insecure: send the key over plain http to another machine all the same: whoever is on the way can read it.
        timeout_s: how long one answer may take, in seconds.
        patience: how often and how long to try again.
        headers: to send along.
        tls: what to trust; by default what the system trusts.
        trust_env: whether to go through the proxies that the environment names, for both HTTP and WebSockets.

    Whatever is asked is asked again while nobody answers or the engine cannot serve now, in ways that do nothing twice.
    What goes wrong is an EngineError: WrongArgument before anything is sent, Refused (or NotValid, NotFound …) when the
    engine says no, Unreachable when nobody answers, BadAnswer when what answers is no engine.
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
        self._http = httpx.Client(**self._transport.http())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. A stream under way has its own, which ends with its iterator."""
        self._http.close()

    def submit(
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
            idempotency_key: made if not given. To survive a crash or an interrupt,
                store one (`new_key`) before, and give it again with the very same order.

        Raises:
            EngineError: the order was not accepted; or, if it is `in_doubt`, perhaps was: submit the very same again
                with the error's `idempotency_key`, within a day, and it is not placed twice.
        """
        body = calls.swap(token_in, token_out, amount_in, min_amount_out, slippage, slippage_bps, expires_at)
        return self._run(sending.submit(calls.submit(self._user(user_id), idempotency_key, body), self._on))

    def quote(
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
        return self._run(sending.send(calls.quote(body), self._on))

    def order(self, order_id: str) -> Order:
        """Give an order as it stands."""
        return self._run(sending.send(calls.order(order_id), self._on))

    def orders(self, user_id: str | None = None, limit: int = 10, offset: int = 0) -> OrderPage:
        """Give a page of a user's orders, newest first; at most 100."""
        return self._run(sending.send(calls.orders(self._user(user_id), limit, offset), self._on))

    def events(self, order_id: str) -> tuple[Event, ...]:
        """Give an order's events so far, oldest first."""
        return self._run(sending.send(calls.events(order_id), self._on)).events

    def executions(self, order_id: str) -> tuple[Execution, ...]:
        """Give an order's attempts so far, oldest first."""
        return self._run(sending.send(calls.executions(order_id), self._on)).executions

    def cancel(self, order_id: str) -> Order:
        """End an order that has not been signed.

        Raises:
            TooLate: it is signed, or has ended.
            EngineError: if it is `in_doubt`, the order may have been cancelled.
        """
        return self._run(sending.cancel(order_id, self._on))

    def watch(self, order_id: str, since: int = 0) -> Generator[Event, None, None]:
        """Tell an order's events after the number `since`: each once, in order, none missing, to the last.

        A connection that is lost is taken up again where it ended. To go on later, or elsewhere, give the last event's
        `seq` as `since`.

        Raises:
            EngineError: it cannot go on, having told the events up to `since`.
        """
        stream = Stream(order_id=arguments.order_id(order_id), since=since)
        return self._tell(following.follow(stream, self._on))

    def watch_user(self, user_id: str | None = None, since: int | None = None) -> Generator[Event, None, None]:
        """Tell all events of a user's orders, without end: those after the `user_seq` of `since`, or from this call on.

        Raises:
            EngineError: it cannot go on, having told the events up to `since`.
        """
        user = self._user(user_id)
        since = self._run(following.newest(user, self._on)) if since is None else since
        return self._tell(following.follow(Stream(user_id=user, since=since), self._on))

    def wait(self, order_id: str, timeout_s: float | None = None) -> Order:
        """Give an order once it has ended, confirmed or failed.

        Raises:
            TimedOut: it has not in `timeout_s` seconds, beyond the time of the last answer.
        """
        return self._run(following.wait(order_id, timeout_s, self._on))

    def queue_stats(self) -> QueueStats:
        """Count orders by where they stand."""
        return self._run(sending.send(calls.queue_stats(), self._on))

    def socket_stats(self) -> SocketStats:
        """Count the WebSockets of the API process that answers."""
        return self._run(sending.send(calls.socket_stats(), self._on))

    def activity(self) -> Activity:
        """Give what the API process that answers saw over the last minutes."""
        return self._run(sending.send(calls.activity(), self._on))

    def tokens(self) -> tuple[Token, ...]:
        """Give the tokens that the engine knows by their symbols."""
        return self._run(sending.send(calls.tokens(), self._on)).tokens

    def ready(self) -> Health:
        """Ask once whether the engine can serve.

        Raises:
            Unavailable: not now; the message says what does not answer.
        """
        return self._run(sending.send(calls.ready(), self._on, tries=1))

    def _user(self, user_id: str | None) -> str | None:
        user_id = self._user_id if user_id is None else user_id
        return calls.user(user_id, credential=self._transport.credential)

    def _run(self, steps: Steps[T]) -> T:
        with Hand(self._http, self._transport) as hand:
            outcome: Outcome = None
            while True:
                try:
                    step = steps.send(outcome)
                except StopIteration as done:
                    return done.value
                outcome = hand.do(step)

    def _tell(self, steps: Steps[None]) -> Generator[Event, None, None]:
        with Hand(self._http, self._transport) as hand:
            outcome: Outcome = None
            while True:
                try:
                    step = steps.send(outcome)
                except StopIteration:
                    return
                outcome = hand.do(step)
                if isinstance(step, Tell):
                    yield step.event
