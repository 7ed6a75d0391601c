"""Keeps a bounded number of orders in hand: those it is woken for, and those that a sweep finds."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from contextlib import suppress

from bestfill.engine import Engine
from bestfill.errors import BestfillError, OrderNotFound
from bestfill.order import Order
from bestfill.units import OrderId

log = logging.getLogger(__name__)


class Runner:
    """Runs at most `concurrency` orders at once on the running event loop.

    A wake for an order that is in hand runs it once more afterwards, so that none is lost between the end of a run
    and the wake that follows it.
    """

    def __init__(self, engine: Engine, concurrency: int, sweep_ms: int = 5_000) -> None:
        self.concurrency = concurrency
        self._engine, self._sweep_s = engine, sweep_ms / 1000
        self._waiting: dict[OrderId, Order | None] = {}
        self._in_hand: dict[OrderId, asyncio.Task[None]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._freed = asyncio.Event()
        self._draining = False

    @property
    def in_hand(self) -> int:
        """How many orders are being run."""
        return len(self._in_hand)

    @property
    def waiting(self) -> int:
        """How many orders wait here for a free place."""
        return len(self._waiting)

    @property
    def running(self) -> bool:
        """Whether it takes orders."""
        return self._sweeper is not None and not self._sweeper.done() and not self._draining

    def start(self) -> None:
        """Sweep now, and from now on."""
        self._sweeper = asyncio.create_task(self._keep_sweeping())

    def offer(self, order_ids: Iterable[OrderId]) -> None:
        """Run these orders as soon as there is a place for them."""
        if not self._draining:
            for order_id in order_ids:
                self._waiting.setdefault(order_id, None)
            self._fill()

    async def drain(self, grace_s: float) -> None:
        """Take nothing more; let what is in hand go on for the grace period, then give it back."""
        self._draining = True
        self._waiting.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        tasks = list(self._in_hand.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _fill(self) -> None:
        while len(self._in_hand) < self.concurrency:
            order_id = next((i for i in self._waiting if i not in self._in_hand), None)
            if order_id is None:
                return
            claimed = self._waiting.pop(order_id)
            run = self._engine.run(order_id) if claimed is None else self._engine.resume(claimed)
            self._in_hand[order_id] = asyncio.create_task(self._run(order_id, run))

    async def _run(self, order_id: OrderId, run: Coroutine[None, None, None]) -> None:
        try:
            await run
        except OrderNotFound:
            log.warning("woken for an order that is not there", extra={"order_id": order_id})
        except BestfillError as error:
            log.warning("order put down; its lease will pass", extra={"order_id": order_id, "reason": error.reason})
        except Exception:
            log.exception("order put down; its lease will pass", extra={"order_id": order_id})
        finally:
            del self._in_hand[order_id]
            self._freed.set()
            if not self._draining:
                self._fill()

    async def _keep_sweeping(self) -> None:
        while True:
            if not await self._sweep():
                await asyncio.sleep(self._sweep_s)
            while len(self._in_hand) >= self.concurrency:
                self._freed.clear()
                await self._freed.wait()

    async def _sweep(self) -> bool:
        """Take what is due; say whether there may be more."""
        free = self.concurrency - len(self._in_hand)
        try:
            claimed = await self._engine.sweep(free)
        except BestfillError as error:
            log.warning("sweep failed", extra={"reason": error.reason})
            return False
        except Exception:
            log.exception("sweep failed")
            return False
        for order in claimed:
            # If it is in hand, then past its lease: that run will meet a conflict, and this one follows it.
            self._waiting[order.id] = order
        self._fill()
        return len(claimed) == free
