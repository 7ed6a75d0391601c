"""A control store of dictionaries, for tests."""

from collections.abc import Sequence

from attrs import evolve, field, mutable

from bestfill.access import ApiKey
from bestfill.audit import NOTHING_BEFORE, AuditEntry, AuditFact
from bestfill.errors import Conflict, KeyNotFound, StoreError
from bestfill.ports import ControlStore, Halt
from bestfill.units import BaseUnits, Millis, Mint


@mutable
class MemoryControl(ControlStore):
    """Forgets all when it goes. `down`: every method fails, and does nothing. `log` is the audit log."""

    down: bool = False
    log: list[AuditEntry] = field(factory=list[AuditEntry])
    _keys: dict[str, ApiKey] = field(factory=dict[str, ApiKey])
    _halt: Halt | None = None
    _reserved: dict[tuple[str, int, Mint], int] = field(factory=dict[tuple[str, int, Mint], int])

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

    async def reserve(self, user_id: str, day: int, mint: Mint, amount: BaseUnits, most: int) -> bool:
        """Add to what a user sells of a token on a day, unless that would then be above `most`."""
        self._check_up()
        total = self._reserved.get((user_id, day, mint), 0) + amount
        if total > most:
            return False
        self._reserved[user_id, day, mint] = total
        return True

    async def release(self, user_id: str, day: int, mint: Mint, amount: BaseUnits) -> None:
        """Take back what was reserved."""
        self._check_up()
        if (user_id, day, mint) in self._reserved:
            self._reserved[user_id, day, mint] = max(0, self._reserved[user_id, day, mint] - amount)

    async def reserved(self, user_id: str, day: int, mint: Mint) -> int:
        """Give what is reserved."""
        self._check_up()
        return self._reserved.get((user_id, day, mint), 0)

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
