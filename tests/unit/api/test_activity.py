"""What the engine has done over the last minutes."""

import asyncio
from typing import Any

from attrs import evolve

from bestfill.events import OrderEvent
from bestfill.order import Status
from bestfill.testing import samples
from bestfill.testing.clock import ManualClock
from bestfill.units import Millis, OrderId, uuid7, uuid7_moment
from bestfill_api.activity import STEP_MS, STEPS, VENUES_MAX, Activity
from tests.unit.api.house import House

QUOTE = {"dex": "raydium", "amountOut": "1", "priceImpactBps": 0, "feeBps": 0, "chosen": True, "reason": "pays"}


def told(clock: ManualClock, status: Status, took_ms: int = 0, **data: Any) -> OrderEvent:
    now = clock.now()
    _, event = samples.new_order()
    order_id = uuid7(Millis(now - took_ms), 1)
    return evolve(event, order_id=order_id, status=status, seq=5, timestamp=now, data=data)


async def heard(api: House) -> dict[str, Any]:
    """Give the figures once a confirmation is among them."""
    async with asyncio.timeout(10):
        while True:
            seen = (await api.http.get("/api/activity")).json()
            if any(step["confirmed"] for step in seen["steps"]):
                return seen
            await asyncio.sleep(0)


async def test_a_confirmed_order_is_seen_from_acceptance_to_its_venue(api: House) -> None:
    await api.run(await api.place())
    seen = await heard(api)
    assert seen["stepS"] == 5
    assert sum(step["accepted"] for step in seen["steps"]) == 1
    (step,) = [step for step in seen["steps"] if step["confirmed"]]
    assert step["p50Ms"] == step["p95Ms"] is not None
    raydium, meteora = seen["venues"]
    assert raydium == {"dex": "raydium", "asked": 1, "quoted": 1, "won": 1, "confirmed": 1, "lastRefusal": None}
    assert meteora == {"dex": "meteora", "asked": 1, "quoted": 1, "won": 0, "confirmed": 0, "lastRefusal": None}


async def test_before_anything_is_heard_the_venues_are_named(api: House) -> None:
    seen = (await api.http.get("/api/activity")).json()
    assert [venue["dex"] for venue in seen["venues"]] == ["raydium", "meteora"]
    assert [step["confirmed"] for step in seen["steps"]] == [0]


def test_percentiles_are_of_the_step_and_to_three_digits() -> None:
    clock = ManualClock()
    activity = Activity(clock, [])
    activity.hear([told(clock, Status.CONFIRMED, took) for took in (*range(1, 100), 123_456)])
    (step,) = activity.view().steps
    assert (step.p50_ms, step.p95_ms, step.confirmed) == (50, 95, 100)
    clock.advance(STEP_MS)
    activity.hear([told(clock, Status.CONFIRMED, 123_456)])
    first, second = activity.view().steps
    assert (first.p50_ms, first.p95_ms) == (50, 95)
    assert second.p95_ms == 123_000


def test_only_the_last_minutes_are_kept_however_long_nothing_happens() -> None:
    clock = ManualClock()
    activity = Activity(clock, ["raydium"])
    activity.hear([told(clock, Status.BUILDING, quotes=[QUOTE])])
    for _ in range(3):
        clock.advance(1000 * STEP_MS)
        seen = activity.view()
        assert len(seen.steps) == STEPS
        assert sum(venue.asked for venue in seen.venues) == 0
    clock.advance(-500 * STEP_MS)  # set back
    activity.hear([told(clock, Status.FAILED)])
    assert activity.view().steps[-1].failed == 1


def test_a_clock_that_was_far_ahead_and_is_set_right_begins_anew() -> None:
    clock = ManualClock()
    activity = Activity(clock, [])
    clock.advance(9 * STEPS * STEP_MS)
    activity.hear([told(clock, Status.FAILED)])
    clock.advance(-8 * STEPS * STEP_MS)
    for confirmed in (1, 2):
        activity.hear([told(clock, Status.CONFIRMED)] * confirmed)
        clock.advance(STEP_MS)
    assert [(step.failed, step.confirmed) for step in activity.view().steps] == [(0, 1), (0, 2), (0, 0)]


def test_a_refusal_is_kept_with_its_reason() -> None:
    clock = ManualClock()
    activity = Activity(clock, ["raydium"])
    refusal = {**QUOTE, "amountOut": None, "chosen": False, "reason": "no answer within 5000 ms"}
    activity.hear([told(clock, Status.PENDING, quotes=[refusal])])
    (venue,) = activity.view().venues
    assert (venue.asked, venue.quoted, venue.won) == (1, 0, 0)
    assert venue.last_refusal is not None
    assert venue.last_refusal.reason == "no answer within 5000 ms"


def test_messages_of_another_hand_neither_stop_it_nor_fill_the_memory() -> None:
    clock = ManualClock()
    activity = Activity(clock, ["raydium"])
    for quotes in ("x", 7, [7], [{}], [QUOTE | {"dex": 7}], {"dex": "a"}):
        activity.hear([told(clock, Status.BUILDING, quotes=quotes)])
    activity.hear([told(clock, Status.CONFIRMED, dex={}), told(clock, Status.CONFIRMED, took_ms=-5)])
    activity.hear([evolve(told(clock, Status.CONFIRMED), order_id=OrderId("no id"))])
    activity.hear([told(clock, Status.CONFIRMED, dex=f"dex {n}") for n in range(1_000)])
    seen = activity.view()
    assert len(seen.venues) == VENUES_MAX
    assert seen.venues[0].asked == 0
    assert seen.steps[-1].p50_ms == 0


def test_an_ids_moment_is_the_one_it_was_made_at() -> None:
    assert uuid7_moment(uuid7(Millis(1_795_351_035_761), 2**74 - 1)) == 1_795_351_035_761
