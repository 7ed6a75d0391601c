"""Transitions, in groups."""

from collections.abc import Sequence
from typing import Final

from bestfill.errors import Conflict, OrderNotFound, StoreError
from bestfill.transition import Transition
from bestfill.units import OrderId
from bestfill_adapters.sql import rows
from bestfill_adapters.sql.postgres import statements as sql
from bestfill_adapters.sql.postgres.columns import parameters
from bestfill_adapters.sql.postgres.lane import Done, Verdict, Work
from bestfill_adapters.sql.postgres.session import Refused, Session

_SIGNATURE_REFUSED: Final = {
    "uq_order_executions_live_signature": "the order has another live signature",
    "uq_order_executions_signature": "another attempt has this signature",
}
"""The two indexes that guard signatures."""
_NO_ATTEMPT: Final = (None,) * 20
_NO_FAILURE: Final = (None,) * 5


class Moving(Work[Transition]):
    """Commits transitions; its answers are those of `OrderStore.commit`."""

    def __init__(self, shard: int) -> None:
        self._shard = shard

    def key(self, member: Transition) -> OrderId:
        """Say which order it moves."""
        return member.order.id

    async def write(self, session: Session, members: Sequence[Transition]) -> list[Verdict]:
        """Write all whose order is at its expected version."""
        values = parameters(sql.MOVES, map(_row, members))
        ((moved, told, numbers),) = await session.fetch(sql.MOVE, *values, self._shard)
        verdicts: list[Verdict] = [None] * len(members)
        for n in moved or ():
            verdicts[n - 1] = _SILENT
        for n, user_seq in zip(told or (), numbers or (), strict=True):
            verdicts[n - 1] = _told(members[n - 1], user_seq)
        return verdicts

    async def judge(self, session: Session, members: Sequence[Transition], *, in_doubt: bool) -> list[Verdict]:
        """Find those who came too late, and in doubt those who are stored.

        Two stores that make the very same move, to the same `wake_at`, can't be told apart: each hears that it is its.
        """
        values = parameters(sql.STEPS, ((rows.order_key(m.order.id), m.order.seq) for m in members))
        verdicts: list[Verdict] = [OrderNotFound(f"there is no order {m.order.id!a}") for m in members]
        for n, version, wake_at, *event, user_seq in await session.fetch(sql.JUDGE_MOVED, *values):
            member = members[n - 1]
            if version == member.expected_version:
                verdicts[n - 1] = None
            elif in_doubt and _is_stored(member, version, wake_at, tuple(event)):
                verdicts[n - 1] = _SILENT if member.event is None else _told(member, user_seq)
            else:
                verdicts[n - 1] = Conflict("the order has been changed meanwhile")
        return verdicts

    def refusal(self, refused: Refused) -> StoreError:
        """Say Conflict of a signature that must not be stored."""
        reason = _SIGNATURE_REFUSED.get(refused.constraint or "")
        return refused if reason is None else _caused(Conflict(reason), refused)


_SILENT: Final = Done(None)


def _told(move: Transition, user_seq: int) -> Done:
    return Done(None if move.event is None else rows.numbered(move.event, user_seq))


def _is_stored(move: Transition, version: int, wake_at: int, found: rows.Row) -> bool:
    """Say if what is found is this move: as long as nobody has moved the order on, its lease shows whose it is."""
    order, event = move.order, move.event
    if version == order.version and wake_at != order.wake_at:
        return False
    if event is None:
        return version == order.version
    return found == (event.status.value, event.attempt, event.timestamp, rows.json_text(event.data))


def _row(move: Transition) -> rows.Row:
    order, event, attempt, failure = move.order, move.event, move.attempt, move.failure
    return (
        rows.order_key(order.id),
        move.expected_version,
        *rows.moving_part(order),
        None if event is None else rows.json_text(event.data),
        *(_NO_ATTEMPT if attempt is None else rows.attempt_row(attempt)[1:]),
        *(_NO_FAILURE if failure is None else rows.failure_row(failure)[1:]),
    )


def _caused(error: StoreError, cause: Refused) -> StoreError:
    error.__cause__ = cause.__cause__
    return error
