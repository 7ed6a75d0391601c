"""All orders of a store and its audit log, one page after the other."""

import hashlib
from collections.abc import Callable
from heapq import merge
from typing import Any, Final

from attrs import field, frozen

from bestfill.errors import plain
from bestfill.units import Millis
from bestfill_adapters.verify.log import Log, counted
from bestfill_adapters.verify.sources import Source
from bestfill_adapters.verify.story import Story

PAGE: Final = 500
"""How many orders are held in memory, and seen as of one moment."""


@frozen
class Fault:
    """Something that is not as it was written: what it is, and what is wrong with it, fit to be shown."""

    subject: str = field(converter=plain)
    reason: str = field(converter=plain)

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}"


@frozen(kw_only=True)
class Verdict:
    """What was found in all.

    `digest` is the SHA-256 over every word of the stories of those orders that count for it, `digested` of them;
    `unfinished` of these have not ended, so that it will change. After them it covers the audit log, of which there are
    `entries`.
    """

    orders: int
    events: int
    entries: int
    faults: int
    digest: str
    digested: int
    unfinished: int


def verify(source: Source, report: Callable[[Fault], None], before: Millis | None = None) -> Verdict:
    """Read every order of a store, and the audit log, and report whatever is not whole and unchanged.

    Others may write meanwhile: each order is seen as of one moment, and what was told of it before can't change.

    Args:
        source: the store's tables.
        report: is told of each fault as soon as it is found, of an order's first alone.
        before: of orders accepted then or later, and of what the log has from then on, nothing is in the digest.

    Raises:
        StoreError: the database can't be read any more.
    """
    walk = _Walk(source, report, before)
    walk.damage()
    walk.orders()
    walk.holes()
    walk.log()
    return walk.verdict()


class _Walk:
    def __init__(self, source: Source, report: Callable[[Fault], None], before: Millis | None) -> None:
        self._source, self._report, self._before = source, report, before
        self._orders = self._events = self._faults = self._digested = self._unfinished = 0
        self._log = Log()
        self._digest = hashlib.sha256()

    def damage(self) -> None:
        with self._source.snapshot():
            for said in self._source.damage():
                self._fault("the database", said)

    def orders(self) -> None:
        after: Any = None
        while True:
            with self._source.snapshot():
                page = self._source.orders(after, PAGE)
                full = len(page) == PAGE
                last = page[-1][0] if full else None
                if full and _place(last) <= _place(after):  # there would be no end
                    self._fault("the database", f"orders are not sorted after {after!r}: the rest was not looked at")
                    return
                self._page({row[0]: Story(row) for row in page}, after, last)
            if not full:
                return
            after = last

    def holes(self) -> None:
        """Find users whose events are not all there: of a whole order that is missing, nothing else tells."""
        with self._source.snapshot():
            for user_id, events, numbers, first, last, counted, orders, counted_orders in self._source.holes():
                wrong: list[str] = []
                if not events == numbers == counted:
                    wrong.append(
                        f"{events} events with {numbers} numbers from {first} to {last}, where {counted} are counted"
                    )
                if orders != counted_orders:
                    wrong.append(f"{orders} orders, where {counted_orders} are counted")
                self._fault(f"user {user_id!r}", "; ".join(wrong))

    def log(self) -> None:
        after: Any = None
        while True:
            with self._source.snapshot():
                page = self._source.entries(after, PAGE)
            for row in page:
                faults = [*self._log.faults(row)]
                for said in faults:
                    self._fault("audit log", said)
                if not faults:
                    self._digest.update(counted(row, self._before))
            if len(page) < PAGE:
                return
            if _place(page[-1][0]) <= _place(after):  # there would be no end
                self._fault("audit log", f"entries are not sorted after {after!r}: the rest was not looked at")
                return
            after = page[-1][0]

    def verdict(self) -> Verdict:
        return Verdict(
            orders=self._orders,
            events=self._events,
            entries=self._log.entries,
            faults=self._faults,
            digest=self._digest.hexdigest(),
            digested=self._digested,
            unfinished=self._unfinished,
        )

    def _page(self, stories: dict[Any, Story], after: Any, last: Any) -> None:
        """Tell each story its rows. Of others' rows there may be any number, so none of them is kept."""
        events = ((row, Story.add) for row in self._source.events(after, last))
        attempts = ((row, Story.add_attempt) for row in self._source.attempts(after, last))
        stranger: Any = self  # which is no id
        for row, tell in merge(events, attempts, key=lambda told: _place(told[0][0])):
            if (story := stories.get(row[0])) is not None:
                tell(story, row)
            elif row[0] != stranger:
                stranger = row[0]
                self._fault(f"order {stranger}", "its row is missing")
        for order_id, story in stories.items():
            story.end()
            self._count(order_id, story)

    def _count(self, order_id: Any, story: Story) -> None:
        self._orders += 1
        self._events += story.events
        if story.fault is not None or story.told is None:
            self._fault(f"order {order_id}", str(story.fault))
        elif self._before is None or story.told.order.created_at < self._before:
            self._digested += 1
            self._unfinished += not story.told.order.status.terminal
            self._digest.update(story.digest)

    def _fault(self, subject: str, reason: str) -> None:
        self._faults += 1
        self._report(Fault(subject, reason))


def _place(key: Any) -> tuple[int, Any]:
    """Where the databases sort an id: nothing is before numbers, then comes text by its bytes, then bytes."""
    if isinstance(key, str):
        return 2, key.encode(errors="surrogateescape")
    return (3, key) if isinstance(key, bytes) else (int(key is not None), key or 0)
