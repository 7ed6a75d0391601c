"""The queue and the notifier: both lose, repeat, delay and reorder what they are given."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType

from bestfill.errors import QueueError
from bestfill.events import OrderEvent
from bestfill.ports import Notifier, OrderQueue
from bestfill.units import OrderId
from tools.sim.fate import Fate
from tools.sim.process import Process
from tools.sim.wire import Wire

LONGEST_S = 15.0


class Broker:
    """Holds wakes, and gives each to some worker."""

    def __init__(self, fate: Fate, deliver: Callable[[OrderId], None]) -> None:
        self._fate, self._deliver = fate, deliver
        self._flushes = 0

    def put(self, order_id: OrderId, delay_s: float) -> None:
        """Take a wake."""
        fate = self._fate
        fault = fate.one_of(("wake lost", "wake doubled", "wake delayed"))
        if fault is not None:
            fate.tell(f"{fault}: of {fate.name(order_id)}")
        for _ in range({"wake lost": 0, "wake doubled": 2}.get(fault or "", 1)):
            more_s = fate.within(0, LONGEST_S if fault == "wake delayed" else 0.01)
            fate.later(delay_s + more_s, self._give, order_id, self._flushes)

    def flush(self) -> None:
        """Lose all that is held."""
        self._flushes += 1
        self._fate.tell("the queue is flushed")

    def _give(self, order_id: OrderId, flushes: int) -> None:
        if flushes == self._flushes:
            self._deliver(order_id)


class SimQueue(OrderQueue):
    """One process's door to the broker."""

    def __init__(self, fate: Fate, process: Process, broker: Broker) -> None:
        self._broker, self._wire = broker, Wire(fate, process, "queue", QueueError)

    async def wake(self, order_ids: Sequence[OrderId], delay_ms: int = 0) -> None:
        def effect() -> None:
            for order_id in order_ids:
                self._broker.put(order_id, delay_ms / 1000)

        await self._wire.ask("wake", effect, 2)


class Subscription(AsyncIterator[Sequence[OrderEvent]]):
    """What one process hears."""

    def __init__(self) -> None:
        self._batches: list[Sequence[OrderEvent]] = []
        self._changed = asyncio.Event()

    def hear(self, batch: Sequence[OrderEvent]) -> None:
        """Take a batch; an empty one says that some may be missing."""
        self._batches.append(batch)
        self._changed.set()

    async def __anext__(self) -> Sequence[OrderEvent]:
        while not self._batches:
            self._changed.clear()
            await self._changed.wait()
        return self._batches.pop(0)


class Channel:
    """Spreads events over all subscriptions."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self._subscriptions: dict[Subscription, Process] = {}

    def join(self, subscription: Subscription, process: Process) -> None:
        """Hear all from now on."""
        self._subscriptions[subscription] = process

    def leave(self, subscription: Subscription) -> None:
        """Hear no more."""
        self._subscriptions.pop(subscription, None)

    def put(self, events: Sequence[OrderEvent]) -> None:
        """Spread a batch."""
        fate = self._fate
        for subscription, process in self._subscriptions.items():
            fault = fate.one_of(("event lost", "event lost unnoticed", "event doubled", "event delayed"))
            if fault == "event lost":
                fate.later(fate.within(0, 1), self._give, subscription, process, ())
            elif fault != "event lost unnoticed":
                for _ in range(2 if fault == "event doubled" else 1):
                    delay_s = fate.within(0, LONGEST_S if fault == "event delayed" else 0.01)
                    fate.later(delay_s, self._give, subscription, process, events)

    def _give(self, subscription: Subscription, process: Process, events: Sequence[OrderEvent]) -> None:
        if not process.alive:
            self._subscriptions.pop(subscription, None)
        elif subscription in self._subscriptions:
            subscription.hear(events)


class SimNotifier(Notifier):
    """One process's door to the channel."""

    def __init__(self, fate: Fate, process: Process, channel: Channel) -> None:
        self._process, self._channel = process, channel
        self._wire = Wire(fate, process, "notifier", QueueError)

    async def publish(self, events: Sequence[OrderEvent]) -> None:
        await self._wire.ask("publish", lambda: self._channel.put(events), 2)

    def subscribe(self) -> "_Subscribed":
        return _Subscribed(self._wire, self._process, self._channel)


class _Subscribed:
    def __init__(self, wire: Wire, process: Process, channel: Channel) -> None:
        self._wire, self._process, self._channel = wire, process, channel
        self._subscription = Subscription()

    async def __aenter__(self) -> AsyncIterator[Sequence[OrderEvent]]:
        await self._wire.ask("subscribe", lambda: self._channel.join(self._subscription, self._process))
        return self._subscription

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.leave(self._subscription)
