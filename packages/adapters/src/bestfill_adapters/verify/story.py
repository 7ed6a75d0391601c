"""One order, held against its events as they are read."""

import hashlib
from collections.abc import Iterable
from typing import Final

import attrs

from bestfill.events import OrderEvent, without_engine_fields
from bestfill.order import Order
from bestfill.story import Told, check_attempts, follow
from bestfill_adapters.sql import rows

_DECIMALS: Final = range(256)
"""What a token may have. A number of another size could keep the arithmetic busy for ever."""


class Story:
    """One order's story, as far as it has been read.

    `fault` says, in words, what is wrong with it; whatever comes after that is only counted. `told` is what its
    events tell.

    Args:
        row: of `orders`, and the number of the last event of the order's user.
    """

    def __init__(self, row: rows.Row) -> None:
        *order, self._event_hash, self._user_events = row
        self.events = 0
        self.fault: str | None = None
        self.told: Told | None = None
        self._attempts: list[rows.Row] = []
        self._head, self._user_seq = rows.NO_EVENT, 0
        self._numbers = hashlib.sha256()
        try:
            self._row = rows.to_order(tuple(order))
        except Exception as error:  # noqa: BLE001 - the row may hold anything
            self.fault = f"its row {_unreadable(error)}"

    @property
    def digest(self) -> bytes:
        """Stands for all that the events say: by the hash of the last, and by their numbers among the user's."""
        return self._head + self._numbers.digest()

    def add(self, row: rows.Row) -> None:
        """Read the next row of `order_events`."""
        self.events += 1
        if self.fault is None:
            try:
                self._add(row)
            except _Broken as broken:
                self.fault = str(broken)
            except Exception as error:  # noqa: BLE001 - the row may hold anything
                self.fault = f"event {self.events} {_unreadable(error)}"

    def add_attempt(self, row: rows.Row) -> None:
        """Read the next row of `order_executions`."""
        self._attempts.append(row)

    def end(self) -> None:
        """Hold the order's row, and its attempts, against what the events have told."""
        if self.fault is None:
            try:
                _check_attempts(self._check_row(), self._attempts)
            except _Broken as broken:
                self.fault = str(broken)
            except Exception as error:  # noqa: BLE001 - the row may hold anything
                self.fault = f"its row {_unreadable(error)}"

    def _add(self, row: rows.Row) -> None:
        if row[1] != self.events:
            raise _Broken(f"event {self.events} is missing")
        event, data, prev_hash = rows.to_event(row), row[6], row[8]
        if prev_hash != self._head:
            before = f"event {event.seq - 1}: one of them was changed" if self.told else "nothing, as the first must"
            raise _Broken(f"event {event.seq} does not follow {before}")
        if event.user_id != self._row.user_id:
            raise _Broken(f"event {event.seq} is of another user than its order")
        # SQLite may have a fraction here.
        if type(event.user_seq) is not int or not self._user_seq < event.user_seq <= (self._user_events or 0):
            raise _Broken(f"event {event.seq} can't be number {event.user_seq} of its user")
        if self.told is None:
            _check_first(event)
        self.told = follow(self.told, event)
        self._head = rows.event_hash(prev_hash, event, data)
        self._user_seq = event.user_seq
        self._numbers.update(b"%d\n" % event.user_seq)

    def _check_row(self) -> Told:
        if self.told is None or self._row.seq > self.events:
            raise _Broken(f"event {self.events + 1} is missing")
        if self._row.seq < self.events:
            raise _Broken(f"event {self.events} is there, and its row counts only {self._row.seq}")
        if self._event_hash != self._head:
            raise _Broken(f"its row does not hold the hash of event {self.events}: one of them was changed")
        row, told = without_engine_fields(self._row), self.told.order
        if row != told:
            wrong = [f.name for f in attrs.fields(Order) if getattr(row, f.name) != getattr(told, f.name)]
            raise _Broken(f"its row does not say what its events say: {', '.join(wrong)}")
        return self.told


class _Broken(Exception):
    """What is wrong with a story."""


def _check_first(event: OrderEvent) -> None:
    """See that the first event names the user in its data, too, which the hash covers."""
    if event.data["userId"] != event.user_id:
        raise _Broken("event 1 was asked for by another user")
    if any(event.data[name] not in _DECIMALS for name in ("decimalsIn", "decimalsOut")):
        raise _Broken("event 1 has impossible decimals")


def _check_attempts(told: Told, attempts: Iterable[rows.Row]) -> None:
    try:
        check_attempts(told, [rows.to_attempt(row) for row in attempts])
    except Exception as error:
        raise _Broken(f"its attempts {_unreadable(error)}") from error


def _unreadable(error: Exception) -> str:
    """Say what a check of the core says; of an error in reading only the type, since the text may be anything."""
    return f"can't be: {error}" if type(error) is ValueError else f"can't be read ({type(error).__name__})"
