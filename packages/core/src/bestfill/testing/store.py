"""The reference store: plain dictionaries, no durability."""

import bisect
from collections import defaultdict
from collections.abc import Sequence

from attrs import evolve

from bestfill.errors import Conflict, OrderNotFound
from bestfill.events import OrderEvent
from bestfill.order import Attempt, Failure, IdempotencyKey, Order, Status
from bestfill.ports import OrderCounts, OrderPage, OrderStore
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId, Signature


class MemoryStore(OrderStore):
    """Keeps every promise of the port but survival. Nothing here awaits, so each call is one transaction."""

    def __init__(self) -> None:
        self._orders: dict[OrderId, Order] = {}
        self._events: defaultdict[OrderId, list[OrderEvent]] = defaultdict(list)
        self._user_events: defaultdict[str, list[OrderEvent]] = defaultdict(list)
        self._attempts: defaultdict[OrderId, dict[int, Attempt]] = defaultdict(dict)
        self._signatures: dict[Signature, tuple[OrderId, int]] = {}
        self._failures: defaultdict[OrderId, list[Failure]] = defaultdict(list)
        self._keys: dict[tuple[str, str], tuple[str, OrderId]] = {}

    async def place(
        self, order: Order, event: OrderEvent, key: IdempotencyKey | None = None
    ) -> tuple[Order, OrderEvent | None]:
        """Store a new order, or give the one that its key stands for."""
        if key is not None:
            if (before := await self.replay(key)) is not None:
                return before, None
            self._keys[key.user_id, key.key] = key.digest, order.id
        self._orders[order.id] = order
        return order, self._append(event)

    async def replay(self, key: IdempotencyKey) -> Order | None:
        """Give the order that a key stands for."""
        if (known := self._keys.get((key.user_id, key.key))) is None:
            return None
        digest, order_id = known
        if digest != key.digest:
            raise Conflict("the Idempotency-Key was used with another request")
        return self._orders[order_id]

    async def commit(self, transition: Transition) -> OrderEvent | None:
        """Write a transition if the version is as expected."""
        order, attempt = transition.order, transition.attempt
        if (await self.get(order.id)).version != transition.expected_version:
            raise Conflict("the order has been changed meanwhile")
        if attempt is not None:
            mine = self._attempts[order.id]
            if _live(attempt) and any(_live(other) for n, other in mine.items() if n != attempt.number):
                raise Conflict("the order has another live signature")
            if attempt.signed is not None:
                owner = self._signatures.setdefault(attempt.signed.signature, (order.id, attempt.number))
                if owner != (order.id, attempt.number):
                    raise Conflict("another attempt has this signature")
            mine[attempt.number] = attempt
        self._orders[order.id] = order
        if transition.failure is not None:
            self._failures[order.id].append(transition.failure)
        return None if transition.event is None else self._append(transition.event)

    async def claim_due(self, now: Millis, lease_until: Millis, limit: int) -> list[Order]:
        """Take what is due."""
        due = [o for o in self._orders.values() if not o.status.terminal and o.wake_at <= now]
        claimed = sorted(due, key=lambda o: (o.wake_at, o.id))[:limit]
        claimed = [evolve(o, version=o.version + 1, wake_at=lease_until) for o in claimed]
        self._orders.update((o.id, o) for o in claimed)
        return claimed

    async def get(self, order_id: OrderId) -> Order:
        """Give one order."""
        if (order := self._orders.get(order_id)) is None:
            raise OrderNotFound("there is no such order")
        return order

    async def attempt(self, order_id: OrderId, number: int) -> Attempt | None:
        """Give one attempt."""
        return self._attempts.get(order_id, {}).get(number)

    async def executions(self, order_id: OrderId) -> list[Attempt]:
        """Give all attempts of an order."""
        return sorted(self._attempts.get(order_id, {}).values(), key=lambda a: a.number)

    async def failures(self, order_id: OrderId) -> list[Failure]:
        """Give the failed attempts of an order."""
        return list(self._failures.get(order_id, ()))

    async def events(self, order_id: OrderId, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        """Give events of an order."""
        return self._events.get(order_id, [])[max(0, since) :][:limit]

    async def user_events(self, user_id: str, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        """Give events of a user's orders."""
        return self._user_events.get(user_id, [])[max(0, since) :][:limit]

    async def user_seq(self, user_id: str) -> int:
        """Give the number of the user's last event."""
        return len(self._user_events.get(user_id, ()))

    async def seqs(self, order_ids: Sequence[OrderId]) -> dict[OrderId, int]:
        """Give the number of each order's last event."""
        return {i: self._orders[i].seq for i in order_ids if i in self._orders}

    async def user_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Give the number of each user's last event."""
        return {user_id: len(self._user_events.get(user_id, ())) for user_id in user_ids}

    async def page(self, user_id: str, limit: int, offset: int) -> OrderPage:
        """Give a page of a user's orders."""
        mine: list[Order] = []
        for order in self._orders.values():
            if order.user_id == user_id:
                bisect.insort(mine, order, key=lambda o: (o.created_at, o.id))
        mine.reverse()
        return OrderPage(orders=tuple(mine[offset : offset + limit]), total=len(mine))

    async def counts(self, now: Millis) -> OrderCounts:
        """Count the orders."""
        orders = self._orders.values()
        pending = [o for o in orders if o.status is Status.PENDING]
        delayed = sum(o.attempt > 1 and o.wake_at > now for o in pending)
        ended = (Status.PENDING, Status.CONFIRMED, Status.FAILED)
        return OrderCounts(
            waiting=len(pending) - delayed,
            delayed=delayed,
            active=sum(o.status not in ended for o in orders),
            completed=sum(o.status is Status.CONFIRMED for o in orders),
            failed=sum(o.status is Status.FAILED for o in orders),
            attention=sum(
                a.attention is not None and a.outcome is None for mine in self._attempts.values() for a in mine.values()
            ),
        )

    async def ping(self) -> None:
        """Answer."""

    def _append(self, event: OrderEvent) -> OrderEvent:
        mine = self._user_events[event.user_id]
        stored = evolve(event, user_seq=len(mine) + 1)
        mine.append(stored)
        self._events[event.order_id].append(stored)
        return stored


def _live(attempt: Attempt) -> bool:
    return attempt.signed is not None and attempt.outcome is None
