"""What operators set and look up: keys, the kill switch, daily allowances, the audit log."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from attrs import field, frozen

from bestfill.access import ApiKey
from bestfill.audit import AuditEntry, AuditFact
from bestfill.errors import plain
from bestfill.units import BaseUnits, Millis, Mint, OrderId


@frozen(kw_only=True)
class Halt:
    """Why nothing is signed, by whose order and since when."""

    reason: str = field(converter=plain)
    actor: str = field(converter=plain)
    at: Millis


@frozen(kw_only=True)
class Reservation:
    """What an order sells of a token on its user's day, which is counted from 1970-01-01 (UTC)."""

    order_id: OrderId
    user_id: str
    day: int
    mint: Mint
    amount: BaseUnits


class ControlStore(Protocol):
    """The truth about who may do what. What it has acknowledged survives a crash.

    A change and the fact that tells of it are written in one transaction. Facts are numbered without gaps, and never
    changed or removed. Every method raises StoreError when the store can't be reached; whether a write happened is then
    not known.
    """

    @abstractmethod
    async def add_key(self, key: ApiKey, fact: AuditFact) -> None:
        """Keep a new key.

        Raises:
            Conflict: there is one of this id.
        """

    @abstractmethod
    async def keys(self, key_ids: Sequence[str]) -> dict[str, ApiKey]:
        """Give these keys, whether they are live or not; ids of no key are left out."""

    @abstractmethod
    async def all_keys(self) -> list[ApiKey]:
        """Give every key, oldest first."""

    @abstractmethod
    async def end_key(self, key_id: str, at: Millis, fact: AuditFact) -> ApiKey:
        """Revoke a key from `at` on, or from when it was revoked before if that is earlier.

        Raises:
            KeyNotFound: there is none of this id.
        """

    @abstractmethod
    async def halt(self) -> Halt | None:
        """Give what halts the engine, if it is halted."""

    @abstractmethod
    async def set_halt(self, halt: Halt | None, fact: AuditFact) -> None:
        """Halt the engine, or let it go on (None)."""

    @abstractmethod
    async def reserve(self, order: Reservation, most: int) -> bool:
        """Count an order into its user's day, unless that was done; say whether the day is then within `most`.

        If it would not be, the order is not counted. MUST hold among any number of callers at once.
        """

    @abstractmethod
    async def release(self, order: Reservation) -> None:
        """Take an order off its day for good, and never count it, even if it was not counted before."""

    @abstractmethod
    async def reserved(self, user_id: str, day: int, mint: Mint) -> int:
        """Give what a user's orders sell of a token on a day, in base units; it may be above 2**64 - 1."""

    @abstractmethod
    async def record(self, facts: Sequence[AuditFact]) -> None:
        """Append facts to the audit log, in this order."""

    @abstractmethod
    async def entries(self, since: int = 0, limit: int = 1_000) -> list[AuditEntry]:
        """Give the entries of the audit log with `seq > since`, oldest first."""
