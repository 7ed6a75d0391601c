"""The way to the store, over which an acknowledgement may be lost, and a commit be late."""

from collections.abc import Sequence
from typing import Final

from bestfill.errors import StoreError
from bestfill.events import OrderEvent
from bestfill.order import Attempt, Failure, IdempotencyKey, Order, Status
from bestfill.ports import OrderCounts, OrderPage, OrderStore
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId
from tools.sim.fate import Fate
from tools.sim.process import Process
from tools.sim.wire import Wire, at_once

DEADLY: Final = {"submitted": 15.0, "flag": 40.0, "failed": 12.0, "confirmed": 12.0}
"""What matters most, or is committed seldom, is deadlier, so that it is cut short often enough."""


class SimStore(OrderStore):
    """One process's door to the store, in which each call is one transaction."""

    def __init__(self, fate: Fate, process: Process, store: OrderStore) -> None:
        self.fate, self.process, self.inner = fate, process, store
        self.wire = Wire(fate, process, "store", StoreError)

    async def place(
        self, order: Order, event: OrderEvent, key: IdempotencyKey | None = None
    ) -> tuple[Order, OrderEvent | None]:
        def effect() -> tuple[Order, OrderEvent | None]:
            stored, first = at_once(self.inner.place(order, event, key))
            if first is not None:
                self.fate.tell(f"{self.fate.name(stored)} of {stored.user_id} is accepted by {self.process.name}")
            return stored, first

        return await self.wire.ask("place", effect, 3)

    async def replay(self, key: IdempotencyKey) -> Order | None:
        return await self.wire.ask("replay", lambda: at_once(self.inner.replay(key)))

    async def commit(self, transition: Transition) -> OrderEvent | None:
        what = kind(transition)
        return await self.wire.ask(f"commit {what}", lambda: self.write(transition), DEADLY.get(what, 4))

    def write(self, transition: Transition) -> OrderEvent | None:
        """Commit, and tell of it."""
        event = at_once(self.inner.commit(transition))
        if event is not None:
            self.fate.tell(f"{self.fate.name(event.order_id)} is {told(event)}, by {self.process.name}")
        return event

    async def claim_due(self, now: Millis, lease_until: Millis, limit: int) -> list[Order]:
        def effect() -> list[Order]:
            claimed = at_once(self.inner.claim_due(now, lease_until, limit))
            for order in claimed:
                self.fate.tell(
                    f"{self.fate.name(order)}, {order.status}, is claimed by the sweep of {self.process.name}"
                )
            return claimed

        return await self.wire.ask("sweep", effect)

    async def get(self, order_id: OrderId) -> Order:
        return await self.wire.ask("get", lambda: at_once(self.inner.get(order_id)))

    async def attempt(self, order_id: OrderId, number: int) -> Attempt | None:
        return await self.wire.ask("attempt", lambda: at_once(self.inner.attempt(order_id, number)))

    async def executions(self, order_id: OrderId) -> list[Attempt]:
        return await self.wire.ask("executions", lambda: at_once(self.inner.executions(order_id)))

    async def failures(self, order_id: OrderId) -> list[Failure]:
        return await self.wire.ask("failures", lambda: at_once(self.inner.failures(order_id)))

    async def events(self, order_id: OrderId, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        return await self.wire.ask("events", lambda: at_once(self.inner.events(order_id, since, limit)))

    async def user_events(self, user_id: str, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        return await self.wire.ask("user events", lambda: at_once(self.inner.user_events(user_id, since, limit)))

    async def user_seq(self, user_id: str) -> int:
        return await self.wire.ask("user seq", lambda: at_once(self.inner.user_seq(user_id)))

    async def seqs(self, order_ids: Sequence[OrderId]) -> dict[OrderId, int]:
        return await self.wire.ask("seqs", lambda: at_once(self.inner.seqs(order_ids)))

    async def user_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        return await self.wire.ask("user seqs", lambda: at_once(self.inner.user_seqs(user_ids)))

    async def page(self, user_id: str, limit: int, offset: int) -> OrderPage:
        return await self.wire.ask("page", lambda: at_once(self.inner.page(user_id, limit, offset)))

    async def counts(self, now: Millis) -> OrderCounts:
        return await self.wire.ask("counts", lambda: at_once(self.inner.counts(now)))

    async def ping(self) -> None:
        await self.wire.ask("ping", lambda: at_once(self.inner.ping()))


def kind(transition: Transition) -> str:
    """Name a move: that of the event, or what is done with the lease."""
    event = transition.event
    if event is None:
        return "lease"
    if event.status is Status.PENDING:
        return "retry"
    return "flag" if "attention" in event.data else event.status


def told(event: OrderEvent) -> str:
    """Say in words what an event tells."""
    data = event.data
    match event.status:
        case Status.PENDING:
            return f"pending again, for attempt {event.attempt} ({data['errorReason']})"
        case Status.BUILDING:
            return f"building, on {data['dex']}"
        case Status.SUBMITTED if "attention" in data:
            return f"flagged for a person ({data['attention']})"
        case Status.SUBMITTED:
            return f"submitted, valid up to block {data['lastValidBlockHeight']}"
        case Status.CONFIRMED:
            return f"confirmed, for {data['amountOut']}"
        case Status.FAILED:
            return f"failed, {data['errorCode']} ({data['errorReason']})"
        case Status.ROUTING:
            return f"routing, attempt {event.attempt}"
