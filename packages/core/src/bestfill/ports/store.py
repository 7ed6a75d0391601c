"""The store."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from bestfill.events import OrderEvent
from bestfill.order import Attempt, Failure, IdempotencyKey, Order
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId


@frozen(kw_only=True)
class OrderPage:
    """Some of a user's orders, newest first, and how many there are in all."""

    orders: tuple[Order, ...]
    total: int


@frozen(kw_only=True)
class OrderCounts:
    """How many orders stand where."""

    waiting: int
    """Pending, and due or on their first attempt."""
    delayed: int
    """Pending, and waiting for their next attempt."""
    active: int
    """Routing, building or submitted."""
    completed: int
    failed: int
    attention: int
    """Submitted, and flagged for a person."""


class OrderStore(Protocol):
    """The truth. What it has acknowledged survives a crash; what it refuses leaves no trace.

    Every method raises StoreError when the store cannot be reached; whether a write happened is then not known.
    """

    @abstractmethod
    async def place(
        self, order: Order, event: OrderEvent, key: IdempotencyKey | None = None
    ) -> tuple[Order, OrderEvent | None]:
        """Store a new order with its first event and key, in one transaction.

        Returns:
            the order and its stored event; if the key was used before with the same digest, the order of then
            and None.

        Raises:
            Conflict: the key was used with another digest.
        """

    @abstractmethod
    async def replay(self, key: IdempotencyKey) -> Order | None:
        """Give the order that a key was first used for, if it was.

        Raises:
            Conflict: the key was used with another digest.
        """

    @abstractmethod
    async def commit(self, transition: Transition) -> OrderEvent | None:
        """Write a transition in one transaction, if the order is still at its expected version.

        MUST refuse a second live signature of an order, and a signature that another attempt of any order has.
        Returns the event as stored.

        Raises:
            Conflict: the version differs, or the signature is refused. Nothing was written.
            OrderNotFound: there is no such order.
        """

    @abstractmethod
    async def claim_due(self, now: Millis, lease_until: Millis, limit: int) -> list[Order]:
        """Take at most `limit` unfinished orders whose `wake_at` is at most `now`, the longest due first.

        Each gets `wake_at = lease_until` and its next version, and is given to one caller only. A row that can't be
        read MUST NOT keep the others from being given.
        """

    @abstractmethod
    async def get(self, order_id: OrderId) -> Order:
        """Give one order.

        Raises:
            OrderNotFound: there is none.
        """

    @abstractmethod
    async def attempt(self, order_id: OrderId, number: int) -> Attempt | None:
        """Give one attempt of an order."""

    @abstractmethod
    async def executions(self, order_id: OrderId) -> list[Attempt]:
        """Give all attempts of an order, oldest first."""

    @abstractmethod
    async def failures(self, order_id: OrderId) -> list[Failure]:
        """Give the failed attempts of an order, oldest first."""

    @abstractmethod
    async def events(self, order_id: OrderId, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        """Give the events of an order with `seq > since`, oldest first."""

    @abstractmethod
    async def user_events(self, user_id: str, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        """Give the events of a user's orders with `user_seq > since`, oldest first."""

    @abstractmethod
    async def user_seq(self, user_id: str) -> int:
        """Give the `user_seq` of the user's last event, 0 if there is none."""

    @abstractmethod
    async def seqs(self, order_ids: Sequence[OrderId]) -> dict[OrderId, int]:
        """Give the `seq` of each order's last event, in one question; ids of no order are left out."""

    @abstractmethod
    async def user_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Give the `user_seq` of each user's last event, in one question; 0 if there is none."""

    @abstractmethod
    async def page(self, user_id: str, limit: int, offset: int) -> OrderPage:
        """Give a page of a user's orders, newest first."""

    @abstractmethod
    async def counts(self, now: Millis) -> OrderCounts:
        """Count the orders, without reading them all."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store answers."""
