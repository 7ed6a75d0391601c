"""New orders, in groups."""

from collections.abc import Sequence
from typing import NamedTuple

from bestfill.errors import Conflict, StoreError
from bestfill.events import OrderEvent
from bestfill.order import IdempotencyKey, Order
from bestfill.units import OrderId
from bestfill_adapters.sql import rows
from bestfill_adapters.sql.postgres import statements as sql
from bestfill_adapters.sql.postgres.columns import parameters
from bestfill_adapters.sql.postgres.lane import Done, Verdict, Work
from bestfill_adapters.sql.postgres.reading import to_order
from bestfill_adapters.sql.postgres.session import Refused, Session


class Placement(NamedTuple):
    """A new order, its first event, and its key if it has one."""

    order: Order
    event: OrderEvent
    key: IdempotencyKey | None


class Placing(Work[Placement]):
    """Places orders; its answers are those of `OrderStore.place`."""

    def __init__(self, shard: int) -> None:
        self._shard = shard

    def key(self, member: Placement) -> OrderId:
        """Say which order it is."""
        return member.order.id

    async def write(self, session: Session, members: Sequence[Placement]) -> list[Verdict]:
        """Write all that no key forbids."""
        values = parameters(sql.NEW, (_row(member) for member in members))
        ((_, placed, numbers),) = await session.fetch(sql.PLACE, *values, self._shard)
        verdicts: list[Verdict] = [None] * len(members)
        for n, user_seq in zip(placed or (), numbers or (), strict=True):
            verdicts[n - 1] = _stored(members[n - 1], user_seq)
        return verdicts

    async def judge(self, session: Session, members: Sequence[Placement], *, in_doubt: bool) -> list[Verdict]:
        """Find those whose key stands for an order, and in doubt those who are there themselves."""
        named = ((rows.order_key(m.order.id), m.order.user_id, m.key and m.key.key) for m in members)
        verdicts: list[Verdict] = [None] * len(members)
        for n, digest, user_seq, *row in await session.fetch(sql.JUDGE_PLACED, *parameters(sql.NAMED, named)):
            member, found = members[n - 1], to_order(tuple(row))
            if isinstance(found, StoreError):
                verdicts[n - 1] = found
            elif in_doubt and rows.fixed_part(found) == rows.fixed_part(member.order):
                verdicts[n - 1] = _stored(member, user_seq)
            elif digest is not None and member.key is not None:
                verdicts[n - 1] = replayed(member.key, digest, found)
        return verdicts

    def refusal(self, refused: Refused) -> StoreError:
        """Say that the order can't be stored."""
        return refused


def replayed(key: IdempotencyKey, digest: str, before: Order) -> Done | StoreError:
    """Give the order that a key stands for, or Conflict if it was used with another request."""
    if digest != key.digest:
        return Conflict("the Idempotency-Key was used with another request")
    return Done((before, None))


def check_event(order: Order, event: OrderEvent) -> None:
    """See that an event is the one by which the order became as it is: a part of what is stored is taken from the row.

    Raises:
        StoreError: it is not.
    """
    mine = (order.id, order.user_id, order.seq, order.status, order.attempt, order.updated_at)
    if mine != (event.order_id, event.user_id, event.seq, event.status, event.attempt, event.timestamp):
        raise StoreError(f"event {event.seq} of {event.order_id} is not what the order's row tells")


def _row(member: Placement) -> rows.Row:
    order, event, key = member
    data = rows.json_text(event.data)
    named = (None, None) if key is None else (key.key, key.digest)
    return (*rows.fixed_part(order), *rows.moving_part(order), data, *named)


def _stored(member: Placement, user_seq: int) -> Done:
    return Done((member.order, rows.numbered(member.event, user_seq)))
