"""The event loop on which a worker's orders run: a thread beside those of Dramatiq."""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

import uvloop

from bestfill.errors import QueueError
from bestfill.runner import Runner
from bestfill.units import OrderId
from bestfill_adapters.container.deployed import Deployed, connected
from bestfill_adapters.dramatiq import WakeList
from bestfill_worker.metrics import served

GRACE_S: Final = 25.0
"""How long orders in hand go on after the signal; with what comes before and after, less than the usual 30 s."""
LOOK_S: Final = 1.0
PAUSE_S: Final = 1.0

log = logging.getLogger(__name__)


class OrderLoop:
    """Runs the orders that are handed over, those on the wake list, and those that a sweep finds.

    Orders are taken only while there is room for them. Messages and the wake list take turns.
    """

    def __init__(self, container: Deployed, grace_s: float = GRACE_S) -> None:
        self._container, self._grace_s = container, grace_s
        self._thread = threading.Thread(target=self._run, name="orders")
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._turn = asyncio.Lock()
        self._draining, self._closing = asyncio.Event(), asyncio.Event()

    def start(self) -> None:
        """Return when orders are taken.

        Raises:
            SettingsError: a setting or a venue plugin does not do.
            StoreError: the database cannot be reached, or its tables are not up to date.
        """
        self._thread.start()
        self._loop.result()

    def hand_over(self, order_ids: Sequence[OrderId]) -> None:
        """Block until there is room, and have these orders run; while it drains, another worker is woken for them."""
        asyncio.run_coroutine_threadsafe(self._take(order_ids), self._loop.result()).result()

    def drain(self) -> None:
        """Take nothing more, and let what is in hand end within the grace period; returns at once."""
        self._set(self._draining)

    def close(self) -> None:
        """Wait for the end of all that."""
        self._set(self._closing)
        self._thread.join()

    def _set(self, event: asyncio.Event) -> None:
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.result().call_soon_threadsafe(event.set)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except BaseException as error:  # whatever it is, nobody runs orders any more
            if not self._loop.done():
                self._loop.set_exception(error)
                return
            log.critical("the worker failed", exc_info=error)
            logging.shutdown()
            os._exit(1)

    async def _main(self) -> None:
        async with connected(self._container), self._metrics(), asyncio.TaskGroup() as tasks:
            runner = self._container.runner()
            runner.start()
            others = [tasks.create_task(self._take_wakes(runner)), tasks.create_task(self._look_around())]
            # What has been made by now stays: the collector need not look at it ever again, nor look as often.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            self._loop.set_result(asyncio.get_running_loop())
            await self._draining.wait()
            others[0].cancel()
            log.info("draining", extra={"in_hand": runner.in_hand, "waiting": runner.waiting})
            await runner.drain(self._grace_s)
            # Until then, Dramatiq's threads may come with what they have taken before.
            await self._closing.wait()
            others[1].cancel()

    def _metrics(self) -> AbstractAsyncContextManager[object]:
        instruments, settings = self._container.instruments(), self._container.settings()
        instruments.watch_runner(self._container.runner())
        return served(instruments.render, settings.host, settings.telemetry.metrics_port)

    async def _take(self, order_ids: Sequence[OrderId]) -> None:
        runner = self._container.runner()
        async with self._turn:
            if await runner.room():
                runner.offer(order_ids)
                return
        await self._container.queue().wake(order_ids)

    async def _take_wakes(self, runner: Runner) -> None:
        wakes = WakeList(self._container.settings().redis_url or "")
        down = False
        try:
            while True:
                async with self._turn:
                    room = await runner.room()
                if not room:
                    return
                try:
                    runner.offer(await wakes.take(room))
                except QueueError as error:
                    if not down:
                        log.warning("no wakes; the sweep finds what is due", extra={"reason": error.reason})
                    down = True
                    await asyncio.sleep(PAUSE_S)
                else:
                    down = False
        finally:
            await wakes.close()

    async def _look_around(self) -> None:
        """End with the process that minds this one, however that ended, and with our own main thread."""
        minder = multiprocessing.parent_process()
        while True:
            await asyncio.sleep(LOOK_S)
            if not threading.main_thread().is_alive():
                self._draining.set()
                self._closing.set()
            elif minder is not None and not minder.is_alive():
                minder = None
                os.kill(os.getpid(), signal.SIGTERM)
