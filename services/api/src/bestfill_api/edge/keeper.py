"""Keeps what is known of credentials up to date, and ends the sockets of those that are not good any more."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bestfill_api.edge.identity import Identity, Lapse
from bestfill_api.edge.visit import Pass

LOOK_S: Final = 1.0

log = logging.getLogger(__name__)


class Keeper:
    """Looks each second; without an identity there is nothing to look for."""

    def __init__(self, identity: Identity | None, look_s: float = LOOK_S) -> None:
        self._identity, self._look_s = identity, look_s
        self._watched: dict[Pass, dict[Callable[[Lapse], None], None]] = {}
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on."""
        if self._identity is not None:
            self._looking = asyncio.create_task(self._keep_looking(self._identity))

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    @contextmanager
    def watching(self, held: Pass | None, end: Callable[[Lapse], None]) -> Iterator[None]:
        """Have `end` called while the context lasts if the pass is not good any more: once, or again each second."""
        if self._identity is None or held is None:
            yield
            return
        self._watched.setdefault(held, {})[end] = None
        try:
            yield
        finally:
            ends = self._watched[held]
            del ends[end]
            if not ends:
                del self._watched[held]

    async def look(self) -> None:
        """Look once."""
        if self._identity is not None:
            self._end_lapsed(self._identity)  # time alone ends some, whatever the store does
            await self._identity.refresh()
            self._end_lapsed(self._identity)

    def _end_lapsed(self, identity: Identity) -> None:
        for held, ends in self._watched.items():
            if (lapse := identity.lapse(held)) is not None:
                for end in ends:
                    end(lapse)

    async def _keep_looking(self, identity: Identity) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            try:
                await self.look()
            except Exception:
                log.exception("credentials not looked after; will try again")
