"""The audit log, one entry after the other: its numbers, its hashes and its chain."""

from collections.abc import Iterator
from typing import Any, Final

from bestfill.audit import NOTHING_BEFORE, AuditEntry
from bestfill.units import Millis
from bestfill_adapters.sql.control.statements import entry_row, to_entry
from bestfill_adapters.sql.rows import Row
from bestfill_adapters.sql.tables import audit_log

_COLUMNS: Final = [column.name for column in audit_log.c]


class Log:
    """Is told the log's rows in their order. `entries` counts them; `expected` is the number of the next."""

    def __init__(self) -> None:
        self.entries = 0
        self.expected = 1
        self._heads: set[Any] | None = {NOTHING_BEFORE}  # what may be the previous hash; None: nobody knows

    def faults(self, row: Row) -> Iterator[str]:
        """Take the next row, and say what is wrong with it."""
        self.entries += 1
        seq, prev_hash, stored_hash = row[0], row[-2], row[-1]
        if not isinstance(seq, int):
            yield f"an entry has the number {seq!r}"
            return
        if seq != self.expected:
            yield f"entry {seq} stands where entry {self.expected} should: what is between is missing"
            self._heads = None
        elif self._heads is not None and prev_hash not in self._heads:
            yield f"entry {seq} does not follow entry {seq - 1}: one of them was changed"
        entry = _entry(row)
        if entry is None or entry.hash != stored_hash:
            yield f"entry {seq} was changed: its hash is another's"
        # Whichever of the two was changed, the entry after it is not to blame.
        self._heads = {stored_hash} | ({entry.hash} if entry is not None else set())
        self.expected = seq + 1


def counted(row: Row, before: Millis | None) -> bytes:
    """Give what of a whole row is in the digest: its hash, which stands for all before it."""
    return b"" if before is not None and row[1] >= before else row[-1]


def _entry(row: Row) -> AuditEntry | None:
    """Read a row; None if it does not hold exactly what an entry is written as."""
    told = dict(zip(_COLUMNS, row, strict=True))
    try:
        entry = to_entry(told)
        return entry if entry_row(entry) == told | {"hash": entry.hash} else None
    except Exception:  # noqa: BLE001 - a row that somebody has changed may hold anything
        return None
