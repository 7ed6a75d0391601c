"""What a seed owns: time, chance, and the record of all that happens."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextvars import copy_context
from typing import Any

from bestfill.order import Order
from bestfill.units import OrderId
from tools.sim.loop import VirtualLoop


class Fate:
    """Draws misfortunes by `rates`, and keeps a story of what happens, if asked to, and always its digest."""

    def __init__(self, seed: int, rates: Callable[[random.Random], Mapping[str, float]], *, tells: bool) -> None:
        self.random = random.Random(seed)
        self.rates = dict(rates(self.random))
        self.loop = VirtualLoop(self.random.random, self.blame)
        self.mortality = 0.0
        """How likely the caller is to die before a call of average danger, and again before its answer."""
        self.away: set[str] = set()
        """The servers that nobody reaches."""
        self.faults: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.blames: list[str] = []
        self.story: list[str] | None = [] if tells else None
        self._names: dict[OrderId, str] = {}
        self._digest = hashlib.blake2b(digest_size=16)
        self._context = copy_context()  # that of no process

    def strikes(self, kind: str) -> bool:
        """Draw whether a misfortune happens now; if so, it is counted."""
        rate = self.rates.get(kind, 0.0)
        if rate <= 0.0 or self.random.random() >= rate:
            return False
        self.faults[kind] += 1
        return True

    def one_of(self, kinds: tuple[str, ...]) -> str | None:
        """Draw at most one of several misfortunes, at one throw."""
        thrown = self.random.random()
        for kind in kinds:
            thrown -= self.rates.get(kind, 0.0)
            if thrown < 0.0:
                self.faults[kind] += 1
                return kind
        return None

    def calm(self) -> None:
        """From now on there are no misfortunes."""
        self.rates.clear()
        self.away.clear()
        self.mortality = 0.0

    def within(self, least: float, most: float) -> float:
        """Draw a number."""
        return least + (most - least) * self.random.random()

    def later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Have the world, not the process that asks for it, do something later."""
        return self.loop.call_later(delay_s, callback, *args, context=self._context)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin something that belongs to the world."""
        task = self.loop.create_task(work, context=self._context)
        task.add_done_callback(self._ended, context=self._context)
        return task

    def tell(self, text: str) -> None:
        """Record what happens."""
        line = f"{self.loop.time():9.3f} s  {text}"
        self._digest.update(line.encode())
        if self.story is not None:
            self.story.append(line)

    def blame(self, what: str) -> None:
        """Record a fault that is the engine's own."""
        self.blames.append(what)
        self.tell(f"FAULT: {what}")

    def name(self, order: Order | OrderId) -> str:
        """Give an order's short name in the story."""
        order_id = order.id if isinstance(order, Order) else order
        return self._names.setdefault(order_id, f"order {len(self._names) + 1}")

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.blame(f"the simulator itself failed: {error!r}")

    def in_words(self, text: str) -> str:
        """Put short names in the place of ids."""
        for order_id, name in self._names.items():
            text = text.replace(order_id, name)
        return text

    def trace(self) -> str:
        """Give the digest of all that has happened, how often chance was asked included."""
        self._digest.update(f"{self.loop.steps} {self.random.random()}".encode())
        return self._digest.hexdigest()
