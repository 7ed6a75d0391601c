"""The checks of a ControlStore; each takes an empty one."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import evolve

from bestfill.access import ApiKey, Scope
from bestfill.audit import NOTHING_BEFORE, AuditFact
from bestfill.errors import Conflict, KeyNotFound
from bestfill.ports import ControlStore, Halt, Reservation
from bestfill.testing.contracts.raising import raises
from bestfill.testing.samples import NOW, order_id
from bestfill.units import U64_MAX, BaseUnits, Millis, Mint

DAY: Final = NOW // 86_400_000
SOL: Final = Mint("So11111111111111111111111111111111111111112")
USDC: Final = Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
KEY: Final = ApiKey(
    id="0123456789ab",
    digest=bytes(range(32)),
    user_id="ünïcode 用户",
    scopes=frozenset({Scope.TRADE, Scope.ADMIN}),
    note="the desk's own",
    created_at=NOW,
    expires_at=Millis(NOW + 90 * 86_400_000),
)
HALT: Final = Halt(reason="the venue's pool is drained", actor="cli:ann", at=NOW)
_NUMBERS: Final = itertools.count(1)
NASTY: Final = "a\0b\ud800\u202e\nc" + "x" * 999


def fact(number: int = 1, action: str = "key.create") -> AuditFact:
    """Give one of many facts."""
    detail = {"scopes": "trade", "n": str(number)}
    return AuditFact(
        at=Millis(NOW + number), actor="cli:ann", origin="cli", action=action, subject=f"s-{number}", detail=detail
    )


def sells(amount: int) -> Reservation:
    """Give what another order of Ann's sells."""
    return Reservation(order_id=order_id(next(_NUMBERS)), user_id="ann", day=DAY, mint=SOL, amount=BaseUnits(amount))


async def a_key_is_read_back_as_it_was_kept(store: ControlStore) -> None:
    """With its digest, its scopes and its ends, and beside others."""
    other = evolve(KEY, id="other", note="", scopes=frozenset({Scope.READ}), expires_at=None, created_at=NOW - 1)
    await store.add_key(KEY, fact(1))
    await store.add_key(other, fact(2))
    assert await store.keys([KEY.id, "unknown"]) == {KEY.id: KEY}
    assert await store.keys([]) == {}
    assert await store.all_keys() == [other, KEY]
    assert [entry.fact for entry in await store.entries()] == [fact(1), fact(2)]


async def a_key_of_a_known_id_is_refused(store: ControlStore) -> None:
    """And the one that is kept stays, and nothing is told of it."""
    await store.add_key(KEY, fact(1))
    await raises(Conflict, store.add_key(evolve(KEY, user_id="mallory"), fact(2)))
    assert await store.all_keys() == [KEY]
    assert len(await store.entries()) == 1


async def a_key_ends_when_it_was_ended_first(store: ControlStore) -> None:
    """A later end does not give it back, an earlier one holds."""
    await store.add_key(KEY, fact(1))
    soon, now = Millis(NOW + 60_000), Millis(NOW + 5)
    assert await store.end_key(KEY.id, soon, fact(2, "key.revoke")) == evolve(KEY, revoked_at=soon)
    assert (await store.end_key(KEY.id, now, fact(3, "key.revoke"))).revoked_at == now
    assert (await store.end_key(KEY.id, soon, fact(4, "key.revoke"))).revoked_at == now
    assert (await store.keys([KEY.id]))[KEY.id].revoked_at == now
    assert len(await store.entries()) == 4


async def a_key_that_is_not_there_can_not_end(store: ControlStore) -> None:
    """Whatever its id, and nothing is told of it."""
    await raises(KeyNotFound, store.end_key("unknown", NOW, fact()))
    await raises(KeyNotFound, store.end_key(NASTY, NOW, fact()))
    assert await store.keys([NASTY]) == {}
    assert await store.entries() == []


async def a_halt_holds_until_it_is_lifted(store: ControlStore) -> None:
    """The last one counts, and lifting what is not there is no error."""
    assert await store.halt() is None
    await store.set_halt(None, fact(1, "halt.clear"))
    await store.set_halt(HALT, fact(2, "halt.set"))
    assert await store.halt() == HALT
    later = evolve(HALT, reason=NASTY, at=NOW + 9)
    await store.set_halt(later, fact(3, "halt.set"))
    assert await store.halt() == later
    await store.set_halt(None, fact(4, "halt.clear"))
    assert await store.halt() is None
    assert [entry.fact.action for entry in await store.entries()] == [
        "halt.clear",
        "halt.set",
        "halt.set",
        "halt.clear",
    ]


async def many_who_switch_leave_one_state(store: ControlStore) -> None:
    """Whoever is told last in the log has the say."""
    halts = [evolve(HALT, reason=f"reason {n}") for n in range(8)]
    await asyncio.gather(*(store.set_halt(halt, evolve(fact(), subject=halt.reason)) for halt in halts))
    last = (await store.entries())[-1]
    found = await store.halt()
    assert found is not None and found.reason == last.fact.subject


async def reservations_stop_at_the_most(store: ControlStore) -> None:
    """Up to it and no unit further; by user, day and token."""
    assert await store.reserved("ann", DAY, SOL) == 0
    assert await store.reserve(sells(60), 100)
    assert not await store.reserve(sells(41), 100)
    assert await store.reserve(sells(40), 100)
    assert not await store.reserve(sells(1), 100)
    for user_id, day, mint in (("bob", DAY, SOL), ("ann", DAY + 1, SOL), ("ann", DAY, USDC)):
        other = evolve(sells(101), user_id=user_id, day=day, mint=mint)
        assert not await store.reserve(other, 100)
        assert await store.reserved(user_id, day, mint) == 0
        assert await store.reserve(evolve(other, amount=BaseUnits(100)), 100)
    assert await store.reserved("ann", DAY, SOL) == 100


async def an_order_is_counted_once(store: ControlStore) -> None:
    """And, once it is, held against the bound of who asks."""
    one, other = sells(60), sells(40)
    assert await store.reserve(one, 100) and await store.reserve(other, 100)
    assert await store.reserve(one, 100) and await store.reserve(other, 100)
    assert not await store.reserve(one, 99), "a bound that was made narrower"
    assert await store.reserved("ann", DAY, SOL) == 100
    assert (await asyncio.gather(*(store.reserve(other, 100) for _ in range(8)))).count(True) == 8
    late = sells(50)
    assert (await asyncio.gather(*(store.reserve(late, 150) for _ in range(8)))).count(True) == 8
    assert await store.reserved("ann", DAY, SOL) == 150


async def a_release_makes_room_once_and_for_good(store: ControlStore) -> None:
    """An order that was never counted gives nothing back; and one that was released is not counted any more."""
    one, other, never = sells(60), sells(40), sells(30)
    await store.release(never)
    assert await store.reserved("ann", DAY, SOL) == 0
    assert await store.reserve(one, 100) and await store.reserve(other, 100)
    await asyncio.gather(*(store.release(one) for _ in range(8)))
    await store.release(sells(1))
    assert await store.reserved("ann", DAY, SOL) == 40
    for late in (one, never):
        assert await store.reserve(late, 100), "whoever is late is told what is so: the day is within the bound"
        assert await store.reserved("ann", DAY, SOL) == 40
    assert await store.reserve(sells(60), 100)
    await store.release(one)
    assert await store.reserved("ann", DAY, SOL) == 100


async def an_order_that_is_counted_and_released_at_once_is_not_counted(store: ControlStore) -> None:
    """Whoever is first, and however many."""
    orders = [sells(1) for _ in range(30)]
    await asyncio.gather(*(do for one in orders for do in (store.reserve(one, 100), store.release(one))))
    assert await store.reserved("ann", DAY, SOL) == 0


async def sums_above_all_amounts_are_exact(store: ControlStore) -> None:
    """A day's sum may be above the largest amount, to the unit."""
    most, orders = 3 * U64_MAX, [sells(U64_MAX) for _ in range(3)]
    for order in orders:
        assert await store.reserve(order, most)
    assert await store.reserved("ann", DAY, SOL) == most
    assert not await store.reserve(sells(1), most)
    await store.release(orders[0])
    assert await store.reserved("ann", DAY, SOL) == 2 * U64_MAX
    assert await store.reserve(sells(U64_MAX), most)


async def a_race_never_passes_the_most(store: ControlStore) -> None:
    """Just as many get in as there is room for."""
    orders = [sells(7) for _ in range(60)]
    got = await asyncio.gather(*(store.reserve(order, 100) for order in orders))
    assert got.count(True) == 14
    assert await store.reserved("ann", DAY, SOL) == 98
    await asyncio.gather(*(store.release(order) for order in orders))
    assert await store.reserved("ann", DAY, SOL) == 0


async def facts_stand_in_a_chain_without_gaps(store: ControlStore) -> None:
    """In the order of each call, however many record at once."""
    await store.record([])
    groups = [[fact(10 * n + m) for m in range(3)] for n in range(8)]
    await asyncio.gather(*map(store.record, groups))
    log = await store.entries()
    assert [entry.seq for entry in log] == list(range(1, 25))
    assert [entry.prev_hash for entry in log] == [NOTHING_BEFORE, *(entry.hash for entry in log[:-1])]
    told = [entry.fact for entry in log]
    assert sorted((told[n : n + 3] for n in range(0, 24, 3)), key=lambda group: group[0].at) == groups


async def the_log_is_read_in_parts(store: ControlStore) -> None:
    """From a number on, so many at most, whatever the numbers are."""
    await store.record([fact(n) for n in range(5)])
    assert [entry.seq for entry in await store.entries(since=2)] == [3, 4, 5]
    assert [entry.seq for entry in await store.entries(since=1, limit=2)] == [2, 3]
    assert [entry.seq for entry in await store.entries(since=-9, limit=1)] == [1]
    assert await store.entries(since=2**70) == []
    assert len(await store.entries(limit=2**70)) == 5
    assert await store.entries(limit=0) == []


async def any_text_can_be_told(store: ControlStore) -> None:
    """What no database takes, no screen shows or nobody reads to the end is made fit first, and stays so."""
    nasty = AuditFact(at=NOW, actor=NASTY, origin=NASTY, action=NASTY, subject=NASTY, detail={NASTY: NASTY, "ü": "用"})
    await store.record([nasty])
    (entry,) = await store.entries()
    assert entry.fact == nasty
    assert entry.fact.actor.isprintable() and entry.fact.actor.startswith("a\ufffdb\ufffd") and len(nasty.actor) <= 300
    assert entry.fact.detail["ü"] == "用"
    await store.add_key(evolve(KEY, note=NASTY), fact())
    assert (await store.all_keys())[0].note.isprintable()


CHECKS: Final[tuple[Callable[[ControlStore], Awaitable[None]], ...]] = (
    a_key_is_read_back_as_it_was_kept,
    a_key_of_a_known_id_is_refused,
    a_key_ends_when_it_was_ended_first,
    a_key_that_is_not_there_can_not_end,
    a_halt_holds_until_it_is_lifted,
    many_who_switch_leave_one_state,
    reservations_stop_at_the_most,
    an_order_is_counted_once,
    a_release_makes_room_once_and_for_good,
    an_order_that_is_counted_and_released_at_once_is_not_counted,
    sums_above_all_amounts_are_exact,
    a_race_never_passes_the_most,
    facts_stand_in_a_chain_without_gaps,
    the_log_is_read_in_parts,
    any_text_can_be_told,
)
