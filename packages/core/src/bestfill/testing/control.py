"""A control store of dictionaries, for tests."""

from collections.abc import Sequence

from attrs import evolve, field, mutable

from bestfill.access import ApiKey
from bestfill.audit import NOTHING_BEFORE, AuditEntry, AuditFact
from bestfill.errors import Conflict, KeyNotFound, StoreError
from bestfill.ports import ControlStore, Halt, Reservation
from bestfill.units import BaseUnits, Millis, Mint, OrderId


@mutable
class MemoryControl(ControlStore):
    """Forgets all when it goes. `down`: every method fails, and does nothing. `log` is the audit log."""

    down: bool = False
    log: list[AuditEntry] = field(factory=list[AuditEntry])
    _keys: dict[str, ApiKey] = field(factory=dict[str, ApiKey])
    _halt: Halt | None = None
    _reservations: dict[OrderId, Reservation] = field(factory=dict[OrderId, Reservation])

    async def add_key(self, key: ApiKey, fact: AuditFact) -> None:
        """Keep a new key."""
        self._check_up()
        if key.id in self._keys:
            raise Conflict("there is a key of this id")
        self._keys[key.id] = key
        self._append(fact)

    async def keys(self, key_ids: Sequence[str]) -> dict[str, ApiKey]:
        """Give these keys."""
        self._check_up()
        return {key_id: self._keys[key_id] for key_id in key_ids if key_id in self._keys}

    async def all_keys(self) -> list[ApiKey]:
        """Give every key, oldest first."""
        self._check_up()
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    async def end_key(self, key_id: str, at: Millis, fact: AuditFact) -> ApiKey:
        """Revoke a key."""
        self._check_up()
        if (key := self._keys.get(key_id)) is None:
            raise KeyNotFound("there is no such key")
        ended = evolve(key, revoked_at=at if key.revoked_at is None else min(at, key.revoked_at))
        self._keys[key_id] = ended
        self._append(fact)
        return ended

    async def halt(self) -> Halt | None:
        """Give what halts the engine."""
        self._check_up()
        return self._halt

    async def set_halt(self, halt: Halt | None, fact: AuditFact) -> None:
        """Halt the engine, or let it go on."""
        self._check_up()
        self._halt = halt
        self._append(fact)

    async def reserve(self, order: Reservation, most: int) -> bool:
        """Count an order into its user's day, unless that was done."""
        counted = order.order_id in self._reservations
        total = await self.reserved(order.user_id, order.day, order.mint) + (0 if counted else order.amount)
        if total <= most:
            self._reservations.setdefault(order.order_id, order)
        return total <= most

    async def release(self, order: Reservation) -> None:
        """Take an order off its day for good."""
        self._check_up()
        self._reservations[order.order_id] = evolve(order, amount=BaseUnits(0))

    async def reserved(self, user_id: str, day: int, mint: Mint) -> int:
        """Give what a user's orders sell of a token on a day."""
        self._check_up()
        orders = self._reservations.values()
        return sum(one.amount for one in orders if (one.user_id, one.day, one.mint) == (user_id, day, mint))

    async def record(self, facts: Sequence[AuditFact]) -> None:
        """Append facts to the log."""
        self._check_up()
        for fact in facts:
            self._append(fact)

    async def entries(self, since: int = 0, limit: int = 1_000) -> list[AuditEntry]:
        """Give entries of the log."""
        self._check_up()
        start = max(0, since)
        return self.log[start : start + max(0, limit)]

    def _append(self, fact: AuditFact) -> None:
        prev_hash = self.log[-1].hash if self.log else NOTHING_BEFORE
        self.log.append(AuditEntry(seq=len(self.log) + 1, fact=fact, prev_hash=prev_hash))

    def _check_up(self) -> None:
        if self.down:
            raise StoreError("the database can't be reached")
