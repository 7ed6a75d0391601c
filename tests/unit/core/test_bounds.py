"""The operator's bounds in whole orders: at acceptance, and again by the worker that signs."""

import asyncio

import pytest
from attrs import evolve

from bestfill import decide as step
from bestfill.decide import Known, decide
from bestfill.engine import Engine
from bestfill.engine.auditor import Auditor
from bestfill.errors import Conflict, ErrorCode, PolicyDenied, StoreError, ValidationError
from bestfill.mandate import Mandate, day_of
from bestfill.order import Order, Status
from bestfill.policy import ExecutionPolicy
from bestfill.ports.telemetry import SILENT
from bestfill.testing.control import MemoryControl
from bestfill.testing.fakes import FakeVenue
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, SOL, USDC, request
from tests.unit.core.test_decide import HELD, POLICY, at
from tests.watched import Watched

DAY = day_of(NOW)
ONE = 1_500_000_000
"""What an order of the samples sells."""


def day(orders: int) -> Mandate:
    return Mandate(max_notional_day={SOL.mint: orders * ONE})


class Office:
    """An API and a worker, each with bounds of its own, on one store."""

    def __init__(self, accepts: Mandate, signs: Mandate | None = None, *venues: FakeVenue) -> None:
        self.floor, self.control = Watched(SILENT, *venues), MemoryControl()
        self.store, self.clock, self.venues = self.floor.store, self.floor.clock, self.floor.venues
        self.auditor = Auditor(self.control, self.clock)
        self.api = self.engine(accepts)
        self.worker = self.engine(accepts if signs is None else signs)

    def engine(self, mandate: Mandate) -> Engine:
        return self.floor.another(make_mandate=lambda: mandate, control=self.control, auditor=self.auditor)

    async def to_the_end(self, order: Order) -> Order:
        await self.floor.run(order, self.worker)
        return await check_order(self.store, order.id)

    async def sold(self) -> int:
        return await self.control.reserved("user-123", DAY, SOL.mint)

    async def audited(self) -> list[tuple[str, str, str, str]]:
        self.auditor.start()
        await self.auditor.close()
        return [(f.actor, f.action, f.subject, f.detail["rule"]) for f in (entry.fact for entry in self.control.log)]


async def denied(placing) -> str:
    with pytest.raises(PolicyDenied) as caught:
        await placing
    return caught.value.rule


async def test_what_is_beyond_a_bound_is_not_accepted_and_leaves_nothing():
    office = Office(Mandate(max_notional={SOL.mint: ONE - 1}, max_notional_day={SOL.mint: 10 * ONE}))
    assert await denied(office.api.place(request())) == "BESTFILL_MAX_NOTIONAL"
    assert await denied(office.api.preview(request())) == "BESTFILL_MAX_NOTIONAL"
    assert (await office.store.page("user-123", 1, 0)).total == 0
    assert await office.sold() == 0


async def test_a_user_sells_so_much_a_day_and_another_user_as_much_again():
    office = Office(day(2))
    first, _ = [await office.api.place(request()) for _ in range(2)]
    assert await denied(office.api.place(request())) == "BESTFILL_MAX_NOTIONAL_DAY"
    assert (await office.api.place(request(user_id="other"))).status is Status.PENDING
    assert (await office.to_the_end(first)).status is Status.CONFIRMED
    assert await denied(office.api.place(request())) == "BESTFILL_MAX_NOTIONAL_DAY", "what was sold counts on"
    office.clock.advance(86_400_000)
    assert (await office.api.place(request())).status is Status.PENDING


async def test_what_was_accepted_once_is_given_again_whatever_the_bounds_are():
    office = Office(day(1))
    order = await office.api.place(request(), "key")
    assert await office.api.place(request(), "key") == order, "over the day's bound"
    narrow = office.engine(Mandate(denied_tokens={SOL.mint}))
    assert await narrow.place(request(), "key") == order
    assert await denied(narrow.place(request(), "another key")) == "BESTFILL_DENY_TOKENS"
    with pytest.raises(Conflict):
        await narrow.place(request(amount_in=1), "key")
    assert await office.sold() == ONE


async def test_an_answer_that_is_given_again_and_a_misused_key_are_not_counted():
    office = Office(day(10))
    order = await office.api.place(request(), "key")
    assert await office.api.place(request(), "key") == order
    assert await office.sold() == ONE
    with pytest.raises(Conflict):
        await office.api.place(request(amount_in=1), "key")
    with pytest.raises(ValidationError):
        await office.api.place(request(expires_at=NOW))
    assert await office.sold() == ONE


async def test_what_may_be_stored_stays_counted():
    office = Office(day(2))

    async def lost(*_):
        raise StoreError("the connection was lost")

    office.store.place = lost
    with pytest.raises(StoreError):
        await office.api.place(request())
    assert await office.sold() == ONE


async def test_without_a_control_store_nothing_is_accepted_under_a_bound_on_the_day():
    office = Office(day(1))
    office.control.down = True
    with pytest.raises(StoreError):
        await office.api.place(request())
    assert (await office.store.page("user-123", 1, 0)).total == 0


async def test_an_order_that_fails_or_is_cancelled_counts_no_more_and_once():
    office = Office(day(2))
    fails, cancelled = [await office.api.place(request()) for _ in range(2)]
    for venue in office.venues:
        venue.amount_out = 1  # below its minimum
    assert (await office.to_the_end(fails)).status is Status.FAILED
    assert await office.sold() == ONE
    await office.worker.run(fails.id)
    await office.api.cancel(cancelled.id)
    with pytest.raises(Conflict):
        await office.api.cancel(cancelled.id)
    assert await office.sold() == 0


async def test_an_order_of_yesterday_is_taken_off_yesterday():
    office = Office(day(2))
    old = await office.api.place(request())
    office.clock.advance(86_400_000)
    await office.api.place(request())
    assert (await office.to_the_end(old)).error_code is ErrorCode.EXPIRED
    assert await office.sold() == 0
    assert await office.control.reserved("user-123", DAY + 1, SOL.mint) == ONE


async def test_a_release_that_fails_harms_no_order():
    office = Office(day(2))
    order = await office.api.place(request())
    office.control.down = True
    assert (await office.api.cancel(order.id)).status is Status.FAILED
    office.control.down = False
    assert await office.sold() == ONE, "the safe side"


@pytest.mark.parametrize(
    ("signs", "rule"),
    [
        (Mandate(max_notional={SOL.mint: ONE - 1}), "BESTFILL_MAX_NOTIONAL"),
        (Mandate(denied_tokens={USDC.mint}), "BESTFILL_DENY_TOKENS"),
        (Mandate(allowed_tokens={SOL.mint}), "BESTFILL_ALLOW_TOKENS"),
        (Mandate(allowed_venues={"elsewhere"}), "BESTFILL_ALLOW_VENUES"),
        (day(0), "BESTFILL_MAX_NOTIONAL_DAY"),
    ],
)
async def test_a_worker_signs_nothing_beyond_its_own_bounds_and_says_so(signs: Mandate, rule: str):
    office = Office(day(5), signs)
    order = await office.to_the_end(await office.api.place(request()))
    assert (order.status, order.error_code, order.tx_hash) == (Status.FAILED, ErrorCode.POLICY_DENIED, None)
    assert order.error_reason is not None and rule in order.error_reason
    assert not office.floor.network._plans
    assert await office.audited() == [("worker", "policy.deny", order.id, rule)]


async def test_a_bound_on_the_day_that_was_made_narrower_stops_orders_until_the_rest_fits():
    office = Office(day(5), day(2))
    orders = [await office.api.place(request()) for _ in range(4)]
    ends = [(await office.to_the_end(order)).status for order in orders]
    assert ends == [Status.FAILED, Status.FAILED, Status.CONFIRMED, Status.CONFIRMED]
    assert await office.sold() == 2 * ONE


async def test_orders_that_wait_when_a_bound_on_the_day_is_first_set_are_counted_before_they_are_signed():
    office = Office(Mandate(), day(2))
    fails, *others = [await office.api.place(request()) for _ in range(4)]
    assert await office.sold() == 0
    bound = office.engine(day(2))
    assert (await bound.place(request())).status is Status.PENDING
    await bound.cancel(fails.id)
    assert await office.sold() == ONE, "what was never counted is not taken off"
    ends = [(await office.to_the_end(order)).status for order in others]
    assert ends == [Status.CONFIRMED, Status.FAILED, Status.FAILED]
    assert await office.sold() == 2 * ONE


async def test_an_order_whose_release_failed_is_taken_off_when_it_is_next_looked_at():
    office = Office(day(3))
    orders = [await office.api.place(request()) for _ in range(3)]
    office.control.down = True
    for order in orders:
        await office.api.cancel(order.id)
    office.control.down = False
    assert await office.sold() == 3 * ONE
    with pytest.raises(Conflict):
        await office.api.cancel(orders[0].id)
    assert await office.sold() == 2 * ONE
    await office.worker.run(orders[1].id)
    assert await office.sold() == ONE


async def test_an_order_that_ends_while_it_is_first_counted_is_not_counted():
    office = Office(Mandate(), day(2))
    order = await office.api.place(request())
    reserve, canceller = office.control.reserve, office.engine(day(2))

    async def late(*args):
        await canceller.cancel(order.id)
        return await reserve(*args)

    office.control.reserve = late
    assert (await office.to_the_end(order)).status is Status.FAILED
    assert await office.sold() == 0


async def test_a_market_beyond_the_bounds_is_tried_again_and_each_denial_is_audited():
    office = Office(Mandate(max_price_impact_bps=50), None, FakeVenue("steep", 213_000_000, 51))
    placed = await office.api.place(request())
    await office.worker.run(placed.id)
    order = await check_order(office.store, placed.id)
    assert (order.status, order.attempt) == (Status.PENDING, 2)
    office.venues[0].impact_bps = 50
    assert (await office.to_the_end(order)).status is Status.CONFIRMED
    assert await office.audited() == [("worker", "policy.deny", order.id, "BESTFILL_MAX_PRICE_IMPACT")]


def test_the_stored_quote_is_held_against_the_bounds_of_who_signs_it():
    order, attempt = at(Status.BUILDING)

    def next_step(mandate: Mandate, known: Known = HELD) -> step.Step:
        return decide(order, attempt, known, POLICY, NOW, mandate=mandate)

    assert isinstance(next_step(Mandate(max_price_impact_bps=3, allowed_venues={"raydium"})), step.Build)
    impact = next_step(Mandate(max_price_impact_bps=2))
    assert isinstance(impact, step.Retry) and "BESTFILL_MAX_PRICE_IMPACT" in impact.error.reason
    venue = next_step(Mandate(allowed_venues={"meteora"}))
    assert isinstance(venue, step.Fail) and isinstance(venue.error, PolicyDenied)


def test_slippage_is_held_against_the_workers_own_bound_too():
    order, _ = at(Status.PENDING)
    failed = decide(order, None, HELD, ExecutionPolicy(max_slippage_bps=49), NOW)
    assert isinstance(failed, step.Fail)
    assert isinstance(failed.error, PolicyDenied) and failed.error.rule == "BESTFILL_MAX_SLIPPAGE"
    assert decide(order, None, HELD, ExecutionPolicy(max_slippage_bps=50), NOW) == step.Start()


def test_the_day_is_counted_before_anything_is_signed():
    order, attempt = at(Status.BUILDING)

    def next_step(**known: object) -> step.Step:
        return decide(order, attempt, evolve(HELD, **known), POLICY, NOW, mandate=day(2))

    assert next_step() == step.Reserve()
    assert isinstance(next_step(reserved=True), step.Build)
    assert isinstance(next_step(reserved=False), step.Fail)


async def test_two_hundred_orders_at_once_fill_a_day_to_the_last_that_fits():
    office = Office(day(7))
    done = await asyncio.gather(*(office.api.place(request()) for _ in range(200)), return_exceptions=True)
    assert sum(isinstance(order, Order) for order in done) == 7
    assert {type(order) for order in done} == {Order, PolicyDenied}
    assert await office.sold() == 7 * ONE


async def test_without_bounds_the_control_store_is_not_asked():
    office = Office(Mandate(max_notional={SOL.mint: 10**18}, max_price_impact_bps=100))
    office.control.down = True
    assert (await office.to_the_end(await office.api.place(request()))).status is Status.CONFIRMED
    await office.api.cancel((await office.api.place(request())).id)
