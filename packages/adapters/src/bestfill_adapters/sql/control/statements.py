"""What is done to the tables of the control store, on a connection in a transaction that its caller ends.

Whatever changes the log, or adds up, must be alone: on SQLite its transaction is begun with the lock to write, on
PostgreSQL it locks what it reads.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from attrs import asdict, evolve
from sqlalchemy import Connection, CursorResult, Dialect, RowMapping, Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bestfill.access import ApiKey, Scope
from bestfill.audit import NOTHING_BEFORE, AuditEntry, AuditFact
from bestfill.errors import Conflict, KeyNotFound
from bestfill.ports import Halt, Reservation
from bestfill.units import Millis, Mint
from bestfill_adapters.sql.postgres.literals import storable
from bestfill_adapters.sql.reads import bounded
from bestfill_adapters.sql.tables import api_keys, audit_log, daily_notional, reservations, switches

HALT: Final = "halt"

_AUDIT_LOCK: Final = 7_220_132
"""The number that stands for the end of the audit log among PostgreSQL's advisory locks."""
_INSERTS: Final[dict[str, Callable[[Table], Any]]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def add_key(db: Connection, key: ApiKey, fact: AuditFact) -> None:
    """Keep a new key, or raise Conflict."""
    row = {
        "id": key.id,
        "digest": key.digest,
        "user_id": key.user_id,
        "scopes": " ".join(sorted(key.scopes)),
        "note": key.note,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
    if not _new(db, api_keys, row):
        raise Conflict("there is a key of this id")
    record(db, [fact])


def keys(db: Connection, key_ids: Sequence[str]) -> dict[str, ApiKey]:
    """Give these keys."""
    wanted = [key_id for key_id in key_ids if storable(key_id)]
    rows = db.execute(select(api_keys).where(api_keys.c.id.in_(wanted))).mappings()
    return {row["id"]: _to_key(row) for row in rows}


def all_keys(db: Connection) -> list[ApiKey]:
    """Give every key, oldest first."""
    rows = db.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)).mappings()
    return [_to_key(row) for row in rows]


def end_key(db: Connection, key_id: str, at: Millis, fact: AuditFact) -> ApiKey:
    """Revoke a key, or raise KeyNotFound."""
    this = api_keys.c.id == key_id
    row = db.execute(select(api_keys).where(this).with_for_update()).mappings().first() if storable(key_id) else None
    if row is None:
        raise KeyNotFound("there is no such key")
    key = _to_key(row)
    ended = evolve(key, revoked_at=at if key.revoked_at is None else min(at, key.revoked_at))
    db.execute(update(api_keys).where(this).values(revoked_at=ended.revoked_at))
    record(db, [fact])
    return ended


def halt(db: Connection) -> Halt | None:
    """Give what halts the engine."""
    row = db.execute(select(switches).where(switches.c.name == HALT)).mappings().first()
    return None if row is None else Halt(reason=row["reason"], actor=row["actor"], at=row["at"])


def set_halt(db: Connection, to: Halt | None, fact: AuditFact) -> None:
    """Halt the engine, or let it go on."""
    record(db, [fact])  # first, so that two who switch at once take turns from here on
    db.execute(delete(switches).where(switches.c.name == HALT))
    if to is not None:
        db.execute(insert(switches).values(name=HALT, reason=to.reason, actor=to.actor, at=to.at))


def reserve(db: Connection, order: Reservation, most: int) -> bool:
    """Count an order into its user's day, unless that was done; say whether the day is then within `most`."""
    so_far = _lock_day(db, order)
    if _reservation(db, order) is not None:
        return so_far <= most
    if so_far + order.amount > most:
        return False
    db.execute(insert(reservations).values({**asdict(order), "amount": str(order.amount)}))
    _set_day(db, order, so_far + order.amount)
    return True


def release(db: Connection, order: Reservation) -> None:
    """Take an order off its day, and keep it there with nothing, lest somebody who is late count it."""
    so_far, amount = _lock_day(db, order), _reservation(db, order)
    if amount is None:
        db.execute(insert(reservations).values({**asdict(order), "amount": "0"}))
    elif amount:
        db.execute(update(reservations).where(reservations.c.order_id == order.order_id).values(amount="0"))
        _set_day(db, order, so_far - amount)


def reserved(db: Connection, user_id: str, day: int, mint: Mint) -> int:
    """Give a day's amount."""
    return int(db.execute(select(daily_notional.c.amount).where(*_of(user_id, day, mint))).scalar() or 0)


def record(db: Connection, facts: Sequence[AuditFact]) -> None:
    """Append facts to the log."""
    if not facts:
        return
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(_AUDIT_LOCK)))  # or wait for who has it
    last = db.execute(select(audit_log.c.seq, audit_log.c.hash).order_by(audit_log.c.seq.desc()).limit(1)).first()
    seq, head = (0, NOTHING_BEFORE) if last is None else last
    rows: list[tuple[Any, ...]] = []
    for fact in facts:
        seq += 1
        row = entry_row(AuditEntry(seq=seq, fact=fact, prev_hash=head))
        head = row["hash"]
        rows.append(tuple(row.values()))
    # Past SQLAlchemy, which would take longer over the rows than the database.
    db.exec_driver_sql(_insert_entries(db.dialect), rows)


def entries(db: Connection, since: int, limit: int) -> list[AuditEntry]:
    """Give entries of the log."""
    wanted = select(audit_log).where(audit_log.c.seq > bounded(since)).order_by(audit_log.c.seq).limit(bounded(limit))
    return [to_entry(row) for row in db.execute(wanted).mappings()]


def entry_row(entry: AuditEntry) -> dict[str, Any]:
    """Give a row of `audit_log`, its columns in their order."""
    fact = entry.fact
    return {
        "seq": entry.seq,
        "at": fact.at,
        "actor": fact.actor,
        "origin": fact.origin,
        "action": fact.action,
        "subject": fact.subject,
        "detail": fact.detail_json,
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }


def to_entry(row: Mapping[Any, Any]) -> AuditEntry:
    """Read a row of `audit_log`."""
    fact = AuditFact(
        at=row["at"],
        actor=row["actor"],
        origin=row["origin"],
        action=row["action"],
        subject=row["subject"],
        detail=json.loads(row["detail"]),
    )
    return AuditEntry(seq=row["seq"], fact=fact, prev_hash=row["prev_hash"])


@lru_cache
def _insert_entries(dialect: Dialect) -> str:
    """Write the statement that inserts a row, given as a tuple of all columns in their order."""
    return str(insert(audit_log).compile(dialect=dialect))


def _new(db: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row, unless there is one of this primary key."""
    done: CursorResult[Any] = db.execute(_INSERTS[db.dialect.name](table).values(row).on_conflict_do_nothing())
    return done.rowcount == 1


def _lock_day(db: Connection, order: Reservation) -> int:
    """Give the amount of an order's day, which nobody else changes until this transaction ends."""
    wanted = select(daily_notional.c.amount).where(*_of(order.user_id, order.day, order.mint)).with_for_update()
    if (amount := db.execute(wanted).scalar()) is None:
        _new(db, daily_notional, {"user_id": order.user_id, "day": order.day, "mint": order.mint, "amount": "0"})
        amount = db.execute(wanted).scalar()  # another may have been faster
    return int(amount or 0)


def _reservation(db: Connection, order: Reservation) -> int | None:
    amount = db.execute(select(reservations.c.amount).where(reservations.c.order_id == order.order_id)).scalar()
    return None if amount is None else int(amount)


def _set_day(db: Connection, order: Reservation, amount: int) -> None:
    of_day = _of(order.user_id, order.day, order.mint)
    db.execute(update(daily_notional).where(*of_day).values(amount=str(amount)))


def _of(user_id: str, day: int, mint: Mint) -> tuple[Any, ...]:
    return daily_notional.c.user_id == user_id, daily_notional.c.day == day, daily_notional.c.mint == mint


def _to_key(row: RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        digest=row["digest"],
        user_id=row["user_id"],
        scopes=frozenset(map(Scope, row["scopes"].split())),
        note=row["note"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
