"""Orders in PostgreSQL, shared by any number of processes."""

import logging
import secrets
from collections.abc import Sequence
from typing import Final

from bestfill.errors import StoreError
from bestfill.events import OrderEvent
from bestfill.order import Attempt, Failure, IdempotencyKey, Order, Status
from bestfill.ports import OrderCounts, OrderPage, OrderStore, Telemetry
from bestfill.ports.telemetry import SILENT
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId
from bestfill_adapters.sql import rows
from bestfill_adapters.sql.postgres import literals
from bestfill_adapters.sql.postgres import statements as sql
from bestfill_adapters.sql.postgres.address import Address
from bestfill_adapters.sql.postgres.lane import Lane
from bestfill_adapters.sql.postgres.moving import Moving
from bestfill_adapters.sql.postgres.placing import Placement, Placing, check_event, replayed
from bestfill_adapters.sql.postgres.reading import Lookup, Readers
from bestfill_adapters.sql.postgres.session import ANSWER_S, CALL_S, Refused, Session
from bestfill_adapters.sql.reads import bounded
from bestfill_adapters.sql.tables import SCHEMA

SHARDS: Final = 64
"""In how many rows a status is counted: stores that draw different ones don't wait for each other."""
LOCK_MS: Final = 250
"""How long a group waits for a lock before it is divided, so that others need not wait for one row that is stuck."""

log = logging.getLogger(__name__)


class PostgresStore(OrderStore):
    """Orders in a migrated database. One event loop at a time may call it.

    Args:
        url: such as postgresql://user:password@host:5432/name.
        readers: connections that read, besides one that looks up orders and two that write.
        telemetry: hears of each group.
    """

    def __init__(self, url: str, *, readers: int = 4, telemetry: Telemetry = SILENT) -> None:
        address = Address(url)
        self._placing = Lane(Placing(_shard()), Session(address, LOCK_MS), "orders-placed", telemetry)
        self._moving = Lane(Moving(_shard()), Session(address, LOCK_MS), "orders-moved", telemetry)
        self._lookup = Lane(Lookup(), Session(address), "orders-found", telemetry)
        self._readers = Readers([Session(address) for _ in range(readers)])

    async def start(self) -> None:
        """Begin to work.

        Raises:
            StoreError: the database can't be reached, or its tables are not those of this release.
        """
        self._readers.start()
        try:
            await self._check_schema()
        except BaseException:
            await self._readers.close()
            raise
        for lane in (self._placing, self._moving, self._lookup):
            lane.start()

    async def close(self) -> None:
        """Finish what waits, and let the connections go."""
        for lane in (self._placing, self._moving, self._lookup):
            await lane.close()
        await self._readers.close()

    def readers(self) -> tuple[int, int, int]:
        """Say how many of the connections that read are taken and free, and how many callers wait for one."""
        return self._readers.use()

    async def place(
        self, order: Order, event: OrderEvent, key: IdempotencyKey | None = None
    ) -> tuple[Order, OrderEvent | None]:
        """Store a new order, or give the one that its key stands for."""
        check_event(order, event)
        return await self._placing.do(Placement(order, event, key), CALL_S)

    async def replay(self, key: IdempotencyKey) -> Order | None:
        """Give the order that a key stands for."""
        found = await self._readers.fetch(sql.SELECT_KEYED, key.user_id, key.key)
        if not found:
            return None
        verdict = replayed(key, found[0][0], rows.to_order(tuple(found[0])[1:]))
        if isinstance(verdict, StoreError):
            raise verdict
        return verdict.value[0]

    async def commit(self, transition: Transition) -> OrderEvent | None:
        """Write a transition, if the order is still at its expected version.

        It may take longer than other calls to settle a doubt, which would cost a worker's order its lease.
        """
        if transition.event is not None:
            check_event(transition.order, transition.event)
        return await self._moving.do(transition)

    async def claim_due(self, now: Millis, lease_until: Millis, limit: int) -> list[Order]:
        """Take what is due; orders that others are at just now are left to the next time."""
        due: list[Order] = []
        # Whoever gives up in doubt leaves what it has claimed to wait for the lease.
        for row in await self._readers.fetch(sql.CLAIM_DUE, now, lease_until, bounded(limit), within_s=ANSWER_S):
            try:
                due.append(rows.to_order(row))
            except Exception:
                # It has its lease like the others, so that it does not stand before them at the next sweep.
                log.exception("an order's row can't be read", extra={"order_id": row[0]})
        return due

    async def get(self, order_id: OrderId) -> Order:
        """Give one order."""
        return await self._lookup.do((order_id, object()), CALL_S)

    async def attempt(self, order_id: OrderId, number: int) -> Attempt | None:
        """Give one attempt."""
        found = await self._readers.fetch(sql.SELECT_ATTEMPT, rows.order_key(order_id), number)
        return rows.to_attempt(found[0]) if found else None

    async def executions(self, order_id: OrderId) -> list[Attempt]:
        """Give all attempts of an order."""
        return [rows.to_attempt(r) for r in await self._readers.fetch(sql.SELECT_ATTEMPTS, rows.order_key(order_id))]

    async def failures(self, order_id: OrderId) -> list[Failure]:
        """Give the failed attempts of an order."""
        return [rows.to_failure(r) for r in await self._readers.fetch(sql.SELECT_FAILURES, rows.order_key(order_id))]

    async def events(self, order_id: OrderId, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        """Give events of an order."""
        about = (rows.order_key(order_id), bounded(since), bounded(limit))
        return [rows.to_event(r) for r in await self._readers.fetch(sql.SELECT_EVENTS, *about)]

    async def user_events(self, user_id: str, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        """Give events of a user's orders."""
        found = await self._readers.fetch(sql.SELECT_USER_EVENTS, user_id, bounded(since), bounded(limit))
        return [rows.to_event(r) for r in found]

    async def user_seq(self, user_id: str) -> int:
        """Give the number of the user's last event."""
        found = await self._readers.fetch(sql.SELECT_USER_SEQ, user_id)
        return found[0][0] if found else 0

    async def seqs(self, order_ids: Sequence[OrderId]) -> dict[OrderId, int]:
        """Give the number of each order's last event."""
        wanted = literals.texts([rows.order_key(order_id) for order_id in order_ids]) if order_ids else "{}"
        return dict(await self._readers.fetch(sql.SELECT_SEQS, wanted))

    async def user_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Give the number of each user's last event."""
        storable = [user_id for user_id in user_ids if literals.storable(user_id)]
        wanted = literals.texts(storable) if storable else "{}"
        return dict.fromkeys(user_ids, 0) | dict(await self._readers.fetch(sql.SELECT_USER_SEQS, wanted))

    async def page(self, user_id: str, limit: int, offset: int) -> OrderPage:
        """Give a page of a user's orders."""
        found = await self._readers.fetch(sql.SELECT_PAGE, user_id, bounded(limit), bounded(offset))
        orders = tuple(rows.to_order(tuple(row)[1:]) for row in found if row[1] is not None)
        return OrderPage(orders=orders, total=found[0][0])

    async def counts(self, now: Millis) -> OrderCounts:
        """Count by the counters, and by the two indexes that hold only the few orders they are about."""
        standing = {row[0]: row[1] for row in await self._readers.fetch(sql.SELECT_COUNTS, now)}
        return OrderCounts(
            waiting=standing.get(Status.PENDING, 0) - standing["delayed"],
            delayed=standing["delayed"],
            active=sum(standing.get(s, 0) for s in (Status.ROUTING, Status.BUILDING, Status.SUBMITTED)),
            completed=standing.get(Status.CONFIRMED, 0),
            failed=standing.get(Status.FAILED, 0),
            attention=standing["attention"],
        )

    async def _check_schema(self) -> None:
        try:
            found = {row[0] for row in await self._readers.fetch(sql.SELECT_SCHEMA)}
        except Refused as error:
            if error.missing:
                raise StoreError("the database has no tables yet: run ./dev migrate") from error
            raise
        if found != {SCHEMA}:
            has = ", ".join(sorted(found)) or "none"
            raise StoreError(
                f"this release needs the schema {SCHEMA}, and the database has {has}:"
                " run ./dev migrate, or the release that made it"
            )

    async def ping(self) -> None:
        """Return if the database answers."""
        await self._readers.fetch(sql.PING)


def _shard() -> int:
    return secrets.randbelow(SHARDS)
