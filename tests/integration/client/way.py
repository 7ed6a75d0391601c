"""A way to an engine that can be cut."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from tools.chaos.proxy import Proxy


@define
class Way:
    """A way to a URL, which breaks after each `every` events that were told, for all who use it.

    Half-way between it loses what the engine says next: its client is cut off, but the engine is not told.
    """

    url: str
    every: int
    cuts: int = 0
    _proxy: Proxy = field(init=False)
    _told: int = 0
    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.new_event_loop, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def told(self) -> None:
        """Count an event, and cut if it is time; return when the connections are broken."""
        with self._lock:
            self._told += 1
            if self._told % self.every == 0:
                asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(20)
            elif self._told % self.every == self.every // 2:
                self._loop.call_soon_threadsafe(self._proxy.lose_answers)

    async def _cut(self) -> None:
        self._proxy.cut()
        self.cuts += 1


@contextmanager
def cutting(url: str, every: int) -> Iterator[Way]:
    """Give a way to a URL that breaks again and again; its proxy runs in a thread of its own."""
    way = Way(url, every)
    opened, closing = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with Proxy(url) as way._proxy:
            way.url = way._proxy.url
            opened.set()
            await closing.wait()

    thread = threading.Thread(target=way._loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert opened.wait(20)
        yield way
    finally:
        way._loop.call_soon_threadsafe(closing.set)
        thread.join(20)
        way._loop.close()
