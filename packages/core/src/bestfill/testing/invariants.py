"""What must be true of every order, whatever has happened: the checker that tests and simulators share.

`check_order`, `check_story` and `check_attempts` hold of an order at any moment. `violations` holds of a whole system
that has come to rest, and compares what the store says with what the chain, the sockets and the clients say.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from attrs import field, frozen

from bestfill import story as stories
from bestfill.events import OrderEvent, without_engine_fields
from bestfill.order import Attempt, AttemptOutcome, Order, Status
from bestfill.ports import OrderCounts, OrderStore
from bestfill.units import BaseUnits, Mint, OrderId, Signature


@frozen(kw_only=True)
class Stored:
    """All that the store has of one order: its row, its whole story and its attempts, oldest first."""

    order: Order
    events: Sequence[OrderEvent]
    attempts: Sequence[Attempt]

    @cached_property
    def retold(self) -> stories.Told:
        """What the story tells; told only once.

        Raises:
            ValueError: it can't have happened.
        """
        return stories.retell(self.events)


@frozen(kw_only=True)
class Landing:
    """A swap that the chain holds as finalized and successful; amounts are what it really moved."""

    order_id: OrderId
    signature: Signature
    amount_in: BaseUnits
    amount_out: BaseUnits


@frozen(kw_only=True)
class Told:
    """What a reader was told of one stream, over all its connections.

    `stream` is an order's id, and `numbers` are the `seq` of the events in the order in which they came; or it is a
    user's id, and they are the `userSeq`. `since` is where the reader began.
    """

    stream: str
    numbers: Sequence[int]
    since: int = 0


@frozen(kw_only=True)
class Answered:
    """An order that was accepted, or given again, to a client that sent this Idempotency-Key."""

    user_id: str
    key: str
    order_id: OrderId


@frozen(kw_only=True)
class Evidence:
    """A system at rest, seen from all sides.

    `accepted` and `cancelled` are the orders of which a client was told so. `untellable` are those of whose live swap
    the network can no longer tell anything: only they may stay submitted, and flagged. `balances` are the chain's, of
    users (by user id), pools and whoever else holds a mint: before the first order, and at rest; empty if the chain
    keeps none. `counts` are the store's, if they are to be checked.
    """

    orders: Sequence[Stored]
    landings: Sequence[Landing] = ()
    order_readers: Sequence[Told] = ()
    user_readers: Sequence[Told] = ()
    answered: Sequence[Answered] = ()
    accepted: Collection[OrderId] = ()
    cancelled: Collection[OrderId] = ()
    untellable: Collection[OrderId] = ()
    balances: Mapping[tuple[str, Mint], tuple[int, int]] = field(factory=dict[tuple[str, Mint], tuple[int, int]])
    counts: OrderCounts | None = None


@frozen
class Violation:
    """What is not as it must be. `rule` names the invariant, `order_id` is the order if it is about one."""

    rule: str
    what: str
    order_id: OrderId | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


async def check_order(store: OrderStore, order_id: OrderId) -> Order:
    """Hold an order's row, story and attempts against each other.

    Raises:
        AssertionError: they do not agree; says how.
    """
    stored = Stored(
        order=await store.get(order_id),
        events=await store.events(order_id),
        attempts=await store.executions(order_id),
    )
    check_story(stored)
    check_attempts(stored)
    return stored.order


def check_story(stored: Stored) -> None:
    """The story has no gap, never goes back, makes only moves of the table, and folds into the row."""
    order, story = stored.order, stored.events
    assert [e.seq for e in story] == list(range(1, len(story) + 1)), f"{order.id}: the story has gaps"
    assert order.seq == len(story), f"{order.id}: the row is at {order.seq}, the story at {len(story)}"
    try:
        told = stored.retold.order
    except ValueError as error:
        raise AssertionError(f"{order.id}: {error}") from error
    assert told == without_engine_fields(order), f"{order.id}: the row is not the fold of its story"


def check_attempts(stored: Stored) -> None:
    """At most one signature is live; confirmed if and only if one attempt landed, at no less than its bound."""
    try:
        stories.check_attempts(stored.retold, stored.attempts)
    except ValueError as error:
        raise AssertionError(f"{stored.order.id}: its attempts can't be: {error}") from error


def violations(seen: Evidence) -> list[Violation]:
    """Give all that is not as it must be of a system at rest; nothing, if all is well.

    Rules: `story` (seq without gaps, row = fold(events)), `attempts`, `end` (one terminal state an order, nothing
    left due), `swap` (at most one landed swap an order, confirmed ⇔ landed, none that was not recorded), `bound`
    (amount out ≥ min_out), `balances`, `reader` (sockets were told what the store has), `key` (same Idempotency-Key,
    same order), `promise` (what a client was told holds), `counts`.
    """
    landings: defaultdict[OrderId, list[Landing]] = defaultdict(list)
    for landing in seen.landings:
        landings[landing.order_id].append(landing)
    found: list[Violation] = []
    for stored in seen.orders:
        untellable = stored.order.id in seen.untellable
        for rule, faults in (
            ("story", _raised(check_story, stored)),
            ("attempts", _raised(check_attempts, stored)),
            ("end", _end(stored, untellable)),
            ("swap", _swaps(stored, landings[stored.order.id], untellable)),
            ("bound", _bounds(stored, landings[stored.order.id])),
        ):
            found += [Violation(rule, fault, stored.order.id) for fault in faults]
    known = {stored.order.id for stored in seen.orders}
    found += [
        Violation("swap", f"{i}: {len(landings[i])} swaps landed for no order", i) for i in landings if i not in known
    ]
    for rule, faults in (
        ("balances", _balances(seen, landings)),
        ("reader", _readers(seen)),
        ("key", _keys(seen)),
        ("promise", _promises(seen)),
        ("counts", _counts(seen)),
    ):
        found += [Violation(rule, fault) for fault in faults]
    return found


def _raised(check: Callable[[Stored], None], stored: Stored) -> list[str]:
    try:
        check(stored)
    except (AssertionError, ValueError) as error:
        return [str(error)]
    return []


def _end(stored: Stored, untellable: bool) -> Iterator[str]:
    order = stored.order
    ends = sum(event.status.terminal for event in stored.events)
    if not untellable:
        if not order.status.terminal or ends != 1:
            yield f"{order.id}: it is {order.status}, and ended {ends} times"
    elif order.status is not Status.SUBMITTED:
        yield f"{order.id}: nobody can tell what became of its swap, and still it is {order.status}"
    elif all(attempt.attention is None for attempt in stored.attempts if attempt.outcome is None):
        yield f"{order.id}: nobody can tell what became of its swap, and no person is asked"


def _swaps(stored: Stored, landings: Sequence[Landing], untellable: bool) -> Iterator[str]:
    order = stored.order
    recorded = {a.signed.signature: a for a in stored.attempts if a.signed is not None}
    if len(landings) > 1:
        yield f"{order.id}: it was swapped {len(landings)} times"
    if bool(landings) != (order.status is Status.CONFIRMED) and not (untellable and not order.status.terminal):
        yield f"{order.id}: it is {order.status}, and {len(landings)} of its swaps landed"
    for landing in landings:
        attempt = recorded.get(landing.signature)
        if attempt is None:
            yield f"{order.id}: a swap landed that was never recorded"
        elif attempt.outcome is not AttemptOutcome.LANDED and not (untellable and attempt.outcome is None):
            yield f"{order.id}: a swap landed that was taken for {attempt.outcome}"
        elif attempt.fill is not None and (attempt.fill.amount_in, attempt.fill.amount_out) != (
            landing.amount_in,
            landing.amount_out,
        ):
            yield f"{order.id}: its fill is not what the chain moved"
        elif order.status is Status.CONFIRMED and (order.tx_hash, order.amount_out) != (
            landing.signature,
            landing.amount_out,
        ):
            yield f"{order.id}: its row tells of another swap than landed"


def _bounds(stored: Stored, landings: Sequence[Landing]) -> Iterator[str]:
    order = stored.order
    bounds = {a.signed.signature: a.min_out for a in stored.attempts if a.signed is not None}
    for landing in landings:
        bound = max(order.min_amount_out or 0, bounds.get(landing.signature) or 0)
        if landing.amount_out < bound:
            yield f"{order.id}: it paid {landing.amount_out}, below {bound}"
        if landing.amount_in != order.amount_in:
            yield f"{order.id}: it took {landing.amount_in} instead of {order.amount_in}"


def _balances(seen: Evidence, landings: Mapping[OrderId, Sequence[Landing]]) -> Iterator[str]:
    total: Counter[Mint] = Counter()
    due, owners = _due(seen, landings), {stored.order.user_id for stored in seen.orders}
    for (holder, mint), (before, after) in seen.balances.items():
        total[mint] += after - before
        if after < 0:
            yield f"{holder} has {after} of {mint}"
        if holder in owners and after - before != due[holder, mint]:
            yield f"{holder} has {after - before} more of {mint}, but its orders tell of {due[holder, mint]}"
    for mint, change in total.items():
        if change:
            yield f"{change} of {mint} came from nowhere"


def _due(seen: Evidence, landings: Mapping[OrderId, Sequence[Landing]]) -> Counter[tuple[str, Mint]]:
    """By how much the users' balances must have changed."""
    due: Counter[tuple[str, Mint]] = Counter()
    for order in (stored.order for stored in seen.orders):
        moved = [(order.amount_in, order.amount_out or 0)] if order.status is Status.CONFIRMED else []
        if order.id in seen.untellable:  # it may have landed: only the chain knows
            moved = [(landing.amount_in, landing.amount_out) for landing in landings.get(order.id, ())]
        for amount_in, amount_out in moved:
            due[order.user_id, order.token_in] -= amount_in
            due[order.user_id, order.token_out] += amount_out
    return due


def _readers(seen: Evidence) -> Iterator[str]:
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for stored in seen.orders:
        for event in stored.events:
            numbers[event.user_id].append(event.user_seq)
    for user_id, given in numbers.items():
        if sorted(given) != list(range(1, len(given) + 1)):
            yield f"the events of {user_id} are not numbered without gaps"
    lengths: dict[str, int] = {stored.order.id: len(stored.events) for stored in seen.orders}
    yield from _told(seen.order_readers, lengths)
    yield from _told(seen.user_readers, {user_id: len(given) for user_id, given in numbers.items()})


def _told(readers: Iterable[Told], lengths: Mapping[str, int]) -> Iterator[str]:
    for reader in readers:
        last = lengths.get(reader.stream, 0)
        if list(reader.numbers) != list(range(reader.since + 1, last + 1)):
            yield f"{reader.stream}: a reader saw {list(reader.numbers)} after {reader.since}, the store has {last}"


def _keys(seen: Evidence) -> Iterator[str]:
    first: dict[tuple[str, str], OrderId] = {}
    for answer in seen.answered:
        before = first.setdefault((answer.user_id, answer.key), answer.order_id)
        if before != answer.order_id:
            yield f"the key {answer.key} of {answer.user_id} gave {before}, and then {answer.order_id}"


def _promises(seen: Evidence) -> Iterator[str]:
    stored = {stored.order.id: stored.order for stored in seen.orders}
    for order_id in sorted({*seen.accepted, *(answer.order_id for answer in seen.answered)} - stored.keys()):
        yield f"{order_id}: it was accepted, and is not there"
    for order_id in sorted(seen.cancelled):
        if (order := stored.get(order_id)) is None or order.status is not Status.FAILED:
            yield f"{order_id}: it was cancelled, and is {order.status if order else 'not there'}"


def _counts(seen: Evidence) -> Iterator[str]:
    if (counts := seen.counts) is None:
        return
    by_status = Counter(stored.order.status for stored in seen.orders)
    asked = sum(any(a.attention and a.outcome is None for a in stored.attempts) for stored in seen.orders)
    active = by_status[Status.ROUTING] + by_status[Status.BUILDING] + by_status[Status.SUBMITTED]
    told = (counts.waiting + counts.delayed, counts.active, counts.completed, counts.failed, counts.attention)
    real = (by_status[Status.PENDING], active, by_status[Status.CONFIRMED], by_status[Status.FAILED], asked)
    if told != real:
        yield f"waiting, active, completed, failed, attention are {real}, but are counted as {told}"
