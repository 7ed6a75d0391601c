"""An engine over ports that a test owns, which tells what it does."""

import itertools

from bestfill.engine import Engine
from bestfill.order import Order
from bestfill.policy import ExecutionPolicy
from bestfill.ports import Telemetry, Venue
from bestfill.ports.telemetry import SILENT
from bestfill.testing.clock import ManualClock, SeededEntropy
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.samples import NOW, request
from bestfill.testing.store import MemoryStore


class Watched:
    """Runs orders in virtual time."""

    def __init__(self, telemetry: Telemetry = SILENT, *venues: Venue, **network: object) -> None:
        self.store, self.queue, self.clock = MemoryStore(), FakeQueue(), ManualClock(NOW, auto=True)
        self.network = FakeNetwork(**network)  # pyright: ignore[reportArgumentType]
        self.venues = venues or (FakeVenue("good", 210_000_000), FakeVenue("better", 213_000_000))
        self._seeds = itertools.count(1)
        self.engine = self.another(telemetry)

    def another(self, telemetry: Telemetry = SILENT, **more: object) -> Engine:
        """Make another process's engine over the same."""
        return Engine(
            store=self.store,
            queue=self.queue,
            notifier=FakeNotifier(),
            network=self.network,
            venues=self.venues,
            clock=self.clock,
            entropy=SeededEntropy(next(self._seeds)),
            policy=ExecutionPolicy(quote_timeout_ms=50),
            telemetry=telemetry,
            **more,  # pyright: ignore[reportArgumentType]
        )

    async def run(self, order: Order, engine: Engine | None = None) -> Order:
        """Take an order to its end, or until a person must look."""
        while not order.status.terminal:
            self.clock.advance(max(0, order.wake_at - self.clock.now()))
            await (engine or self.engine).run(order.id)
            order = await self.store.get(order.id)
            attempt = await self.store.attempt(order.id, order.attempt)
            if attempt is not None and attempt.attention is not None:
                break
        return order

    async def execute(self, **asked: object) -> Order:
        """Place an order and take it to its end."""
        return await self.run(await self.engine.place(request(**asked)))  # pyright: ignore[reportArgumentType]
