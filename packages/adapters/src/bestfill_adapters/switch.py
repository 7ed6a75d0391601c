"""The kill switch on a thread of its own."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress

from bestfill.engine.switch import Switch
from bestfill_adapters.sql.control.store import SqlControl

log = logging.getLogger(__name__)


class OwnSwitch(Switch):
    """Asks on an event loop of its own, over a control store of its own.

    The engine's loop may be seconds behind when it has much to do. Were the answers behind as well, they would be too
    old to sign by, and a crowd of orders would halt the engine.

    Args:
        control: nobody else's; closed with the switch.
        now, sleep: as of the switch.
    """

    def __init__(
        self,
        control: SqlControl,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(control, now, sleep)
        self._own_control = control
        self._thread: threading.Thread | None = None
        self._own: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()
        self._users_loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Look once, and from now on."""
        self._users_loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="switch", daemon=True)
        self._thread.start()
        await asyncio.wrap_future(self._own)

    async def close(self) -> None:
        """Look no more: from now on it is halted."""
        if self._thread is None:
            return
        with suppress(RuntimeError):  # it has ended by itself
            loop, polling = self._own.result()
            loop.call_soon_threadsafe(polling.cancel)
        await asyncio.to_thread(self._thread.join)
        await super().close()

    def resumed(self) -> None:
        """Tell whoever listens, on their loop."""
        if self._users_loop is not None:
            with suppress(RuntimeError):  # it is closed: nobody listens any more
                self._users_loop.call_soon_threadsafe(super().resumed)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            return
        except BaseException as error:  # whatever it is, nobody says any more that orders may be signed
            if self._own.done():
                log.critical("nobody looks whether the engine is halted", exc_info=error)
            else:
                self._own.set_exception(error)

    async def _main(self) -> None:
        try:
            await self.look()
            polling = asyncio.create_task(self.poll())
            self._own.set_result((asyncio.get_running_loop(), polling))
            await polling
        finally:
            await self._own_control.close()
