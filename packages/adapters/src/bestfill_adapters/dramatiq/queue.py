"""A queue on Dramatiq."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from dramatiq import BrokerConnectionError
from dramatiq.common import dq_name, xq_name
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from bestfill.errors import QueueError
from bestfill.ports import OrderQueue
from bestfill.units import Millis, OrderId
from bestfill_adapters.dramatiq.broker import QUEUE, connect, make_broker, wake_message
from bestfill_adapters.dramatiq.wakes import WAKES, push
from bestfill_adapters.redis.connection import REPLY_S, pool, reason, within

BATCH: Final = 64
"""So many orders one message wakes at most."""
BACKLOG_MAX: Final = 10_000
"""So many wakes wait for Redis; what comes beyond is dropped, and found by the sweep."""
GATHER_S: Final = 0.25
"""How long wakes are gathered for a message. By then a worker has most of them from the list, and begun: the message
costs one more look at the order, not a race for it.
"""
APART_S: Final = 0.005
"""The least time from one push onto the list to the next: a lone wake goes at once, and a crowd in few pushes."""
TOGETHER_MS: Final = 100
"""Delayed wakes that are due within this time go together, when the last of them is due."""
TIMER_SLACK_MS: Final = 2
"""Event loops count whole milliseconds and may be one early; the order would not be due."""
PAUSE_S: Final = 0.5
CLOSING_S: Final = 2.0

_MESSAGES: Final = f"dramatiq:{QUEUE}"

log = logging.getLogger(__name__)


class _Wake(NamedTuple):
    order_id: OrderId
    due: Millis | None
    """When its message is due, 0: now, None: it has one already. What is due now, or has one, goes on the list."""


class DramatiqQueue(OrderQueue):
    """Hands wakes to a thread, which puts them on the wake list at once and into messages a little later.

    A delayed wake becomes a message at once, and goes on the list when its time has come: Dramatiq may be a second or
    two late with it, but this process may have died. With Redis away, the thread goes on trying, and a bounded number
    of wakes waits.
    """

    def __init__(self, url: str, batch: int = BATCH) -> None:
        """Take a URL of Redis; nothing is opened before it is needed.

        Raises:
            SettingsError: the URL is none of Redis.
        """
        self._batch = min(batch, BATCH)
        self._client = connect(url, connections=2)
        self._broker = make_broker(self._client)
        self._asker, self._asking = AsyncRedis(connection_pool=pool(url)), asyncio.Lock()
        self._backlog: SimpleQueue[_Wake | None] = SimpleQueue()
        self._sender: threading.Thread | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._ended = asyncio.Event()
        self._closing = threading.Event()
        self._down = False
        self._dropped = 0

    def start(self) -> None:
        """Begin to send; close it on the same event loop."""
        loop = asyncio.get_running_loop()

        def send() -> None:
            self._keep_sending()
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(self._ended.set)

        self._sender = threading.Thread(target=send, name="wakes", daemon=True)
        self._sender.start()

    async def wake(self, order_ids: Sequence[OrderId], delay_ms: int = 0) -> None:
        """Hand wakes over to be sent; never waits.

        Raises:
            QueueError: the queue is not open.
        """
        if self._sender is None or self._closing.is_set():
            raise QueueError("the queue is not open")
        if self._backlog.qsize() + len(order_ids) > BACKLOG_MAX:
            self._dropped += len(order_ids)
            return
        due = Millis(_now() + delay_ms if delay_ms > 0 else 0)
        for order_id in order_ids:
            self._backlog.put(_Wake(order_id, due))
        if due:
            self._list_later(order_ids, delay_ms + TIMER_SLACK_MS)

    def _list_later(self, order_ids: Sequence[OrderId], delay_ms: int) -> None:
        def now() -> None:
            self._timers.discard(timer)
            for order_id in order_ids:
                self._backlog.put(_Wake(order_id, None))

        timer = asyncio.get_running_loop().call_later(delay_ms / 1000, now)
        self._timers.add(timer)

    async def ping(self) -> None:
        """Return if Redis answers.

        Raises:
            QueueError: it does not.
        """
        try:
            async with self._asking, within(REPLY_S):  # a crowd of questions must take no more than one connection
                await self._asker.ping()
        except RedisError as error:
            raise QueueError(f"Redis does not answer: {reason(error)}") from error

    async def depth(self) -> dict[str, int]:
        """Say how much waits in Redis: wakes, and messages (of one order or many) that are due, delayed or dead.

        Raises:
            QueueError: Redis does not answer.
        """
        try:
            async with self._asking, within(REPLY_S):
                pipeline = self._asker.pipeline(transaction=False)
                pipeline.llen(WAKES)
                pipeline.llen(_MESSAGES)
                pipeline.llen(dq_name(_MESSAGES))
                pipeline.zcard(xq_name(_MESSAGES))
                return dict(zip(("wakes", "messages", "delayed", "dead"), await pipeline.execute(), strict=True))
        except RedisError as error:
            raise QueueError(f"Redis does not answer: {reason(error)}") from error

    def connections(self) -> tuple[int, int, int]:
        """Say how many connections are taken and free; nobody waits for one."""
        (free, _), (taken, _) = self._client.connection_pool.get_connection_count()
        return taken, free, 0

    async def close(self) -> None:
        """Send what is left, if that takes no longer than CLOSING_S."""
        if self._sender is not None and not self._closing.is_set():
            self._closing.set()
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
            self._backlog.put(None)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), CLOSING_S)
        self._client.close()
        with suppress(RedisError):
            await self._asker.aclose()
            await self._asker.connection_pool.aclose()

    def _keep_sending(self) -> None:
        gathered: list[_Wake] = []
        send_at = 0.0
        while True:
            wakes, last = self._next(max(0.0, send_at - time.monotonic()) if gathered else None)
            if not gathered:
                send_at = time.monotonic() + GATHER_S
            gathered += wakes
            if not self._insist(self._push, wakes):
                return
            self._closing.wait(APART_S)
            if last or time.monotonic() >= send_at:
                if not self._insist(self._send, gathered) or last:
                    return
                gathered = []

    def _next(self, timeout_s: float | None) -> tuple[list[_Wake], bool]:
        """Wait for a wake, and give it with all that has come meanwhile; say whether they were the last."""
        wakes: list[_Wake] = []
        try:
            wake = self._backlog.get(timeout=timeout_s)
            while wake is not None:
                wakes.append(wake)
                wake = self._backlog.get_nowait()
        except Empty:
            return wakes, False
        return wakes, wake is None

    def _insist(self, send: Callable[[Sequence[_Wake]], None], wakes: Sequence[_Wake]) -> bool:
        """Try until it is done; False: the queue closes, and it is not."""
        while not self._done(send, wakes):
            if self._closing.wait(PAUSE_S):
                return False
        return True

    def _done(self, send: Callable[[Sequence[_Wake]], None], wakes: Sequence[_Wake]) -> bool:
        try:
            send(wakes)
        except (RedisError, BrokerConnectionError) as error:
            if not self._down:
                log.warning("no wakes sent; will try again", extra={"reason": reason(error)})
            self._down = True
            return False
        except Exception:
            log.exception("wakes dropped; the sweep finds their orders")
        if wakes and (self._down or self._dropped):
            log.info("wakes are sent again", extra={"dropped": self._dropped})
            self._down, self._dropped = False, 0
        return True

    def _push(self, wakes: Sequence[_Wake]) -> None:
        if soon := [*dict.fromkeys(order_id for order_id, due in wakes if not due)]:
            push(self._client, soon)

    def _send(self, wakes: Sequence[_Wake]) -> None:
        at: dict[int, dict[OrderId, None]] = {}
        for order_id, due in wakes:
            if due is None:
                continue
            at.setdefault(-(-due // TOGETHER_MS) * TOGETHER_MS, {})[order_id] = None
        for due, order_ids in at.items():
            delay_ms = max(0, due - _now()) if due else None
            left = iter(order_ids)
            while batch := [*islice(left, self._batch)]:
                self._broker.enqueue(wake_message(batch), delay=delay_ms)


def _now() -> Millis:
    return Millis(time.time_ns() // 1_000_000)
