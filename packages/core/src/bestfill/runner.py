"""Keeps a bounded number of orders in hand: those it is woken for, and those that a sweep finds."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from bestfill.engine import Engine
from bestfill.engine.switch import Switch
from bestfill.errors import BestfillError, OrderNotFound
from bestfill.order import Order
from bestfill.units import OrderId

REMEMBERED: Final = 10_000
"""So many of the orders that ended here are remembered, so that a late wake for one costs nothing."""
SWEEP_MAX: Final = 500
GIVE_BACK_S: Final = 5.0
"""How long a sweep under way, or an order that is given back, may take to notice that all is to end."""

log = logging.getLogger(__name__)


class Runner:
    """Runs at most `concurrency` orders at once on the running event loop.

    A wake for an order that is in hand runs it once more afterwards, unless it has ended, so that none is lost between
    the end of a run and the wake that follows it. Orders that a sweep has claimed go before those that were woken: they
    have waited longest, and their leases run. What is woken waits here without a bound: who can hold it back asks
    `room` first.

    While the engine is halted, what is not signed must not take the places of what is, of which any number may have
    been left by workers that died. So nothing is run that was only woken, and what a sweep has claimed unsigned is
    parked: it goes on at once when the engine is resumed, and if its lease passes before, some sweep claims it again.
    In the store an order that waits costs one claim a lease, and no commit.

    Args:
        engine: runs them.
        concurrency: how many at once.
        sweep_ms: how often to sweep.
        overdue_ms: how long an order must have been due before a sweep takes it, which leaves its wake time to come.
        switch: the engine's, if it has one.
    """

    def __init__(
        self,
        engine: Engine,
        concurrency: int,
        sweep_ms: int = 5_000,
        overdue_ms: int = 0,
        switch: Switch | None = None,
    ) -> None:
        self.concurrency = concurrency
        self._switch = switch
        self._engine, self._sweep_s, self._overdue_ms = engine, sweep_ms / 1000, overdue_ms
        # What waits is not in hand; what is in hand and wanted again is in `_again`. None: not claimed.
        self._claimed: OrderedDict[OrderId, Order] = OrderedDict()
        self._parked: OrderedDict[OrderId, Order] = OrderedDict()
        self._woken: OrderedDict[OrderId, None] = OrderedDict()
        self._in_hand: dict[OrderId, asyncio.Task[None]] = {}
        self._again: dict[OrderId, Order | None] = {}
        self._ended: OrderedDict[OrderId, None] = OrderedDict()
        self._sweeper: asyncio.Task[None] | None = None
        self._freed = asyncio.Event()
        self._draining = asyncio.Event()
        self._nudged = asyncio.Event()
        """The next sweep is to begin at once."""
        if switch is not None:
            switch.on_resume(self._resume)

    @property
    def in_hand(self) -> int:
        """How many orders are being run."""
        return len(self._in_hand)

    @property
    def waiting(self) -> int:
        """How many orders wait here for a free place, or for the engine to be resumed."""
        return len(self._claimed) + len(self._parked) + len(self._woken)

    @property
    def running(self) -> bool:
        """Whether it takes orders."""
        return self._sweeper is not None and not self._sweeper.done() and not self._draining.is_set()

    def start(self) -> None:
        """Sweep now, and from now on."""
        self._sweeper = asyncio.create_task(self._keep_sweeping())

    def offer(self, order_ids: Iterable[OrderId]) -> None:
        """Run these orders as soon as there is a place for them."""
        if self._draining.is_set():
            return
        for order_id in order_ids:
            if order_id in self._in_hand:
                self._again.setdefault(order_id, None)
            elif not (order_id in self._claimed or order_id in self._parked or order_id in self._ended):
                self._woken[order_id] = None
        self._fill()

    async def room(self, least: int = 1) -> int:
        """Wait until it has places for at least so many more orders, and say for how many; 0 once it drains."""
        return await self._room(least)

    async def _room(self, least: int, *, to_sweep: bool = False) -> int:
        while not self._draining.is_set():
            # While halted, what was woken does not take its turn, and must not keep a sweep from what is signed.
            waiting = len(self._claimed) if to_sweep and self._halted else self.waiting
            free = self.concurrency - self.in_hand - waiting
            if free >= least:
                return free
            self._freed.clear()
            await self._freed.wait()
        return 0

    async def drain(self, grace_s: float) -> None:
        """Take nothing more; let what is in hand go on for the grace period, then give it back.

        Other workers are woken for what was waiting here, at once, and for what is given back.
        """
        self._draining.set()
        self._nudged.set()
        self._freed.set()
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + grace_s
        if self._sweeper is not None:
            # Not cut short: what it is about to claim would wait for its lease to pass.
            await asyncio.wait([self._sweeper], timeout=GIVE_BACK_S)
            self._sweeper.cancel()
        await self._let_go()
        while self._in_hand and (left_s := ends_at - loop.time()) > 0:
            self._freed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._freed.wait()
            await self._let_go()
        late = [*self._in_hand.values()]
        for task in late:
            task.cancel()
        if late:
            _, stuck = await asyncio.wait(late, timeout=GIVE_BACK_S)
            if stuck:
                log.error("orders are not put down; their leases will pass", extra={"orders": len(stuck)})
        await self._let_go()

    async def _let_go(self) -> None:
        claimed, woken = [*self._claimed.values(), *self._parked.values()], [*self._woken]
        self._claimed.clear()
        self._parked.clear()
        self._woken.clear()
        if woken:
            await self._engine.pass_on(woken)
        await asyncio.gather(*map(self._engine.give_back, claimed), return_exceptions=True)

    def _fill(self) -> None:
        while len(self._in_hand) < self.concurrency:
            if self._claimed:
                order_id, claimed = self._claimed.popitem(last=False)
            elif self._woken and not self._halted:
                order_id, claimed = self._woken.popitem(last=False)
            else:
                return
            self._in_hand[order_id] = asyncio.create_task(self._run(order_id, claimed))

    async def _run(self, order_id: OrderId, claimed: Order | None) -> None:
        ended = False
        try:
            ended = await (self._engine.run(order_id) if claimed is None else self._engine.resume(claimed))
        except OrderNotFound:
            log.warning("woken for an order that is not there", extra={"order_id": order_id})
        except BestfillError as error:
            log.warning("order put down; its lease will pass", extra={"order_id": order_id, "reason": error.reason})
        except Exception:
            log.exception("order put down; its lease will pass", extra={"order_id": order_id})
        finally:
            self._put_down(order_id, ended)

    @property
    def _halted(self) -> bool:
        return self._switch is not None and self._switch.halted

    def _keep(self, order: Order) -> None:
        """Have a claimed order wait: for a place, or for the engine to be resumed."""
        waits = self._switch is not None and self._engine.waits(order)
        (self._parked if waits else self._claimed)[order.id] = order

    def _look_over_parked(self) -> None:
        """Take up what has expired, or need not wait any more, and leave to the sweeps what is not held any more."""
        parked = [*self._parked.values()]
        self._parked.clear()
        for order in parked:
            if not self._engine.lapsed(order):
                self._keep(order)

    def _resume(self) -> None:
        self._look_over_parked()
        self._nudged.set()
        if not self._draining.is_set():
            self._fill()

    def _put_down(self, order_id: OrderId, ended: bool) -> None:
        del self._in_hand[order_id]
        wanted, claimed = order_id in self._again, self._again.pop(order_id, None)
        if ended:
            self._ended[order_id] = None
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
        elif claimed is not None:
            self._keep(claimed)
        elif wanted:
            self._woken[order_id] = None
        if not self._draining.is_set():
            self._fill()
        self._freed.set()

    async def _keep_sweeping(self) -> None:
        while not self._draining.is_set():
            self._nudged.clear()
            more = await self._sweep()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sweep_s):
                    if more:
                        # We take it early only if wakes alone do not keep us busy: other workers sweep too.
                        await self._room((self.concurrency + 1) // 2, to_sweep=True)
                    else:
                        await self._nudged.wait()

    async def _sweep(self) -> bool:
        """Take what is due, even if all places are taken: wakes must not keep it off for ever.

        Says whether there may be more.
        """
        self._look_over_parked()
        limit = min(self.concurrency - len(self._claimed), SWEEP_MAX)
        if limit <= 0:
            return True
        try:
            claimed = await self._engine.sweep(limit, self._overdue_ms)
        except BestfillError as error:
            log.warning("sweep failed", extra={"reason": error.reason})
            return False
        except Exception:
            log.exception("sweep failed")
            return False
        for order in claimed:
            if order.id in self._in_hand:
                # It is past its lease: that run will meet a conflict, and this one follows it.
                self._again[order.id] = order
            else:
                self._woken.pop(order.id, None)
                self._keep(order)
        if not self._draining.is_set():
            self._fill()
        return len(claimed) == limit
