"""The engine over ports that a test owns: whole orders, and what goes wrong with them."""

import asyncio
import itertools
from contextlib import suppress

import pytest
from attrs import evolve

from bestfill import transition
from bestfill.engine import Engine
from bestfill.errors import Conflict, ErrorCode, OrderNotFound, StoreError, ValidationError, VenueUnavailable
from bestfill.order import AttemptOutcome, Status
from bestfill.policy import ExecutionPolicy
from bestfill.quote import Fill, Height, Leg, SignedSwap, SwapOutcome, SwapStatus
from bestfill.testing.clock import ManualClock, SeededEntropy
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, order_id, request
from bestfill.testing.store import MemoryStore

GOOD, BETTER = 210_000_000, 213_000_000


class Floor:
    """An engine with everything around it."""

    def __init__(self, *venues: FakeVenue, **network: object) -> None:
        self.store, self.queue, self.notifier = MemoryStore(), FakeQueue(), FakeNotifier()
        self.network = FakeNetwork(**network)
        self.clock = ManualClock(NOW, auto=True)
        self.venues = venues or (FakeVenue("good", GOOD), FakeVenue("better", BETTER))
        self.engine = self.another()

    def another(self) -> Engine:
        return Engine(
            store=self.store,
            queue=self.queue,
            notifier=self.notifier,
            network=self.network,
            venues=self.venues,
            clock=self.clock,
            entropy=SeededEntropy(1),
            policy=ExecutionPolicy(quote_timeout_ms=50),
        )

    async def execute(self, **asked: object):
        order = await self.engine.place(request(**asked))
        await self.engine.run(order.id)
        return await check_order(self.store, order.id)

    async def run_to_the_end(self, **asked: object):
        order = await self.execute(**asked)
        while not order.status.terminal:
            self.clock.advance(max(0, order.wake_at - self.clock.now()))
            await self.engine.run(order.id)
            order = await check_order(self.store, order.id)
        return order

    def told(self) -> list[str]:
        return [event.status.value for event in self.notifier.published]


async def test_an_order_goes_all_the_way_and_tells_each_step():
    floor = Floor()
    order = await floor.execute()
    assert (order.status, order.dex_selected, order.amount_out) == (Status.CONFIRMED, "better", BETTER)
    assert order.executed_price == "142"
    assert order.tx_hash in floor.network.landed
    assert floor.told() == ["pending", "routing", "building", "submitted", "confirmed"]
    assert floor.queue.woken == [(order.id, 0)]
    building = floor.notifier.published[2].data
    assert (building["dex"], building["amountOut"], building["minAmountOut"]) == ("better", "213", "211.935")
    assert [q["dex"] for q in building["quotes"]] == ["good", "better"]


async def test_the_signed_swap_is_stored_before_it_is_sent():
    floor = Floor()
    stored_at_send = []
    send = floor.network.send

    async def watch(swap):
        order = (await floor.store.page("user-123", 1, 0)).orders[0]
        attempt = await floor.store.attempt(order.id, order.attempt)
        stored_at_send.append((order.status, attempt.signed == swap))
        await send(swap)

    floor.network.send = watch
    await floor.execute()
    assert stored_at_send == [(Status.SUBMITTED, True)]


async def test_a_failing_or_silent_venue_harms_nobody():
    async def fail(_):
        raise ZeroDivisionError("https://secret@endpoint")

    async def hang(_):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()  # and it does not even let itself be cancelled

    async def lie(_):
        return {"amount_out": 10**9}

    floor = Floor(FakeVenue("bad", ask=fail), FakeVenue("slow", ask=hang), FakeVenue("odd", ask=lie), FakeVenue("ok"))
    order = await floor.execute(min_amount_out=None)
    assert (order.status, order.dex_selected) == (Status.CONFIRMED, "ok")
    (attempt,) = await floor.store.executions(order.id)
    assert {c.venue: c.reason for c in attempt.quotes} == {
        "bad": "the venue failed (ZeroDivisionError)",
        "slow": "no answer within 50 ms",
        "odd": "the answer is not a quote of this venue",
        "ok": "pays the most",
    }


async def test_what_may_pass_is_tried_again_after_a_wait_and_then_confirmed():
    floor = Floor(FakeVenue("moody"))
    answers = iter([VenueUnavailable("down"), VenueUnavailable("down"), None])
    calm = FakeVenue("moody")

    async def moody(asked):
        if (error := next(answers)) is not None:
            raise error
        return await calm.quote(asked)

    floor.venues[0].ask = moody
    order = await floor.execute(min_amount_out=None)
    assert (order.status, order.attempt) == (Status.PENDING, 2)
    assert NOW + 800 < order.wake_at <= NOW + 1_000
    assert floor.queue.woken[-1] == (order.id, order.wake_at - NOW)
    await floor.engine.run(order.id)
    assert (await floor.store.get(order.id)) == order, "it ran before it was due"


async def test_an_order_fails_after_three_attempts_with_its_reason():
    floor = Floor(FakeVenue("down"))

    async def down(_):
        raise VenueUnavailable("maintenance")

    floor.venues[0].ask = down
    order = await floor.run_to_the_end()
    assert (order.status, order.attempt, order.error_code) == (Status.FAILED, 3, ErrorCode.QUOTE_ERROR)
    assert floor.told() == ["pending", "routing"] * 3 + ["failed"]
    assert [f.attempt for f in await floor.store.failures(order.id)] == [1, 2, 3]
    last = floor.notifier.published[-1].data
    assert last["quotes"][0]["reason"] == "maintenance"


async def test_no_quote_above_the_minimum_is_no_swap():
    floor = Floor()
    order = await floor.run_to_the_end(min_amount_out=BETTER + 1)
    assert (order.status, order.error_code) == (Status.FAILED, ErrorCode.ROUTING_ERROR)
    assert floor.network.sent == []


async def test_a_lost_send_is_repeated_with_the_same_bytes_until_it_lands():
    floor = Floor(lands=False)
    sent = floor.network.sent

    async def land_the_third(swap):
        sent.append(swap)
        if len(sent) == 3:
            floor.network.land(swap.signature)

    floor.network.send = land_the_third
    order = await floor.execute()
    assert order.status is Status.CONFIRMED
    assert len(sent) == 3
    assert len({(s.signature, s.transaction) for s in sent}) == 1


async def test_a_crowd_of_orders_in_hand_asks_the_network_no_more_often_together():
    floor = Floor(lands=False)
    polled: list[int] = []
    status = floor.network.status

    async def counted(signature):
        polled.append(floor.clock.now())
        floor.network.lands = len(polled) > 2
        return await status(signature)

    floor.network.status = counted
    in_hand = 10 * ExecutionPolicy().polls_per_s  # so that each has its turn every ten seconds
    floor.engine._desk.load.in_hand = in_hand
    await floor.execute()
    waits = [later - earlier for earlier, later in itertools.pairwise(polled)]
    assert waits, "it was asked about more than once"
    assert min(waits) >= 10_000
    assert floor.engine._desk.load.in_hand == in_hand, "an order that is put down counts no more"


async def test_a_swap_that_never_lands_is_signed_anew_only_when_it_is_dead():
    floor = Floor(lands=False)
    height, heights = floor.network.height, []

    async def tick():
        floor.network.block_height += 10
        heights.append(floor.network.block_height)
        return await height()

    floor.network.height = tick
    order = await floor.execute()
    assert (order.status, order.attempt) == (Status.PENDING, 2)
    (dead,) = await floor.store.executions(order.id)
    assert dead.outcome is AttemptOutcome.EXPIRED
    assert heights[-1] > dead.signed.last_valid_block_height >= heights[-2]
    floor.network.lands = True
    order = await floor.run_to_the_end()
    assert order.status is Status.CONFIRMED


async def test_a_lagging_node_does_not_make_a_landed_swap_look_dead():
    floor = Floor(loses_replies=True, lag_slots=40)
    height = floor.network.height

    async def tick():
        floor.network.block_height += 10
        return await height()

    floor.network.height = tick
    order = await floor.execute()
    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)
    assert floor.network.landings(order.id) == 1


async def test_a_reverted_swap_is_a_failed_attempt():
    floor = Floor(reverts=True)
    order = await floor.run_to_the_end()
    assert (order.status, order.error_code, order.attempt) == (Status.FAILED, ErrorCode.EXECUTION_ERROR, 3)
    assert {a.outcome for a in await floor.store.executions(order.id)} == {AttemptOutcome.REVERTED}
    assert "custom program error" in order.error_reason


@pytest.mark.parametrize("knobs", [{"pruned": True}, {"pays": 1}])
async def test_what_nobody_can_tell_stays_submitted_and_is_flagged(knobs):
    floor = Floor(**knobs)
    order = await floor.execute()
    assert order.status is Status.SUBMITTED
    assert (await floor.store.counts(floor.clock.now())).attention == 1
    assert floor.notifier.published[-1].data["attention"]
    floor.clock.advance(60_000)
    await floor.engine.run(order.id)
    assert len(floor.network.landed) == 1
    assert floor.told().count("submitted") == 2, "it is flagged again and again"
    floor.network.pruned, floor.network.pays = False, None
    floor.network.landed.clear()
    floor.clock.advance(60_000)
    await floor.engine.run(order.id)
    assert (await check_order(floor.store, order.id)).status is Status.CONFIRMED


async def test_a_network_that_is_down_fails_nothing_that_is_signed():
    floor = Floor()
    polls = 0
    status = floor.network.status

    async def flaky(signature):
        nonlocal polls
        polls += 1
        if polls < 20:
            raise ConnectionError
        return await status(signature)

    floor.network.status = flaky
    assert (await floor.execute()).status is Status.CONFIRMED


async def test_an_order_that_waits_too_long_expires():
    floor = Floor()
    order = await floor.engine.place(request(expires_at=NOW + 1_000))
    floor.clock.advance(1_000)
    await floor.engine.run(order.id)
    order = await check_order(floor.store, order.id)
    assert (order.status, order.error_code) == (Status.FAILED, ErrorCode.EXPIRED)
    assert floor.network.sent == []


async def test_a_retry_is_due_no_later_than_the_order_expires():
    floor = Floor(FakeVenue("down", amount_out=0))
    order = await floor.engine.place(request(expires_at=NOW + 100))
    await floor.engine.run(order.id)
    assert (await floor.store.get(order.id)).wake_at == NOW + 100


@pytest.mark.parametrize("expires_at", [NOW, NOW - 1])
async def test_an_order_that_has_already_expired_is_refused(expires_at):
    floor = Floor()
    with pytest.raises(ValidationError, match="future"):
        await floor.engine.place(request(expires_at=expires_at))
    assert (await floor.store.page("user-123", 1, 0)).total == 0


async def test_a_key_gives_the_first_order_again_even_when_it_has_expired_since():
    floor = Floor()
    first = await floor.engine.place(request(expires_at=NOW + 1_000), key="k")
    floor.clock.advance(5_000)
    assert await floor.engine.place(request(expires_at=NOW + 1_000), key="k") == first
    with pytest.raises(Conflict):
        await floor.engine.place(request(amount_in=1, expires_at=NOW + 9_000), key="k")
    assert floor.queue.woken == [(first.id, 0)]


async def test_slippage_above_the_policy_is_refused():
    with pytest.raises(ValidationError, match="1000 basis points"):
        await Floor().engine.place(request(slippage_bps=1_001))


async def test_an_order_is_cancelled_until_it_is_signed():
    floor = Floor()
    order = await floor.engine.place(request())
    await floor.engine.cancel(order.id)
    await floor.engine.run(order.id)
    order = await check_order(floor.store, order.id)
    assert (order.status, order.error_code) == (Status.FAILED, ErrorCode.CANCELLED)
    assert floor.network.sent == []
    with pytest.raises(Conflict):
        await floor.engine.cancel(order.id)
    with pytest.raises(OrderNotFound):
        await floor.engine.cancel(order_id(404))


async def test_a_cancel_that_meets_the_signing_leaves_nothing_to_send():
    floor = Floor()
    order = await floor.engine.place(request())
    sign = floor.network.sign

    async def cancelled_meanwhile(plan):
        signed = await sign(plan)
        await floor.engine.cancel(order.id)
        return signed

    floor.network.sign = cancelled_meanwhile
    await floor.engine.run(order.id)
    order = await check_order(floor.store, order.id)
    assert order.error_code is ErrorCode.CANCELLED
    assert floor.network.sent == []


async def test_two_workers_on_one_order_swap_once():
    floor = Floor()
    order = await floor.engine.place(request())
    await asyncio.gather(*(floor.another().run(order.id) for _ in range(5)))
    assert (await check_order(floor.store, order.id)).status is Status.CONFIRMED
    assert floor.network.landings(order.id) == 1


async def test_a_worker_that_lost_its_lease_while_signing_sends_nothing():
    floor = Floor()
    order = await floor.engine.place(request())
    sign = floor.network.sign
    signed = []

    async def slow_sign(plan):
        swap = await sign(plan)
        signed.append(swap)
        if len(signed) == 1:  # the lease passes, and another worker takes over and finishes
            floor.clock.advance(10_000)
            await floor.another().run(order.id)
            floor.network.block_height += 1
        return swap

    floor.network.sign = slow_sign
    await floor.engine.run(order.id)
    assert (await check_order(floor.store, order.id)).status is Status.CONFIRMED
    assert len(signed) == 2
    assert {s.signature for s in floor.network.sent} == {signed[1].signature}
    assert floor.network.landings(order.id) == 1


async def test_a_venue_that_builds_another_trade_is_refused_before_signing():
    floor = Floor(FakeVenue("crook", BETTER))
    leg = floor.venues[0].leg

    async def generous(quote, bound):
        built = await leg(quote, bound)
        return Leg(
            venue=built.venue,
            input_mint=built.input_mint,
            output_mint=built.output_mint,
            amount_in=built.amount_in,
            min_out=bound - 1,
        )

    floor.venues[0].leg = generous
    order = await floor.run_to_the_end()
    assert (order.status, order.error_code) == (Status.FAILED, ErrorCode.EXECUTION_ERROR)
    assert floor.network.sent == []


async def test_a_run_is_cancelled_though_an_adapter_swallows_it():
    floor = Floor(lands=False)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def stubborn(signature):
        asked.set()
        with suppress(asyncio.CancelledError):
            await answer.wait()
        return SwapStatus(outcome=SwapOutcome.NOT_FOUND, slot=1)

    floor.network.status = stubborn
    order = await floor.engine.place(request())
    run = asyncio.create_task(floor.engine.run(order.id))
    await asked.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await floor.store.get(order.id)).wake_at <= floor.clock.now(), "its lease is given back"


async def test_a_sweep_leaves_to_wakes_what_has_just_become_due():
    floor = Floor()
    order = await floor.engine.place(request())
    assert await floor.engine.sweep(10, overdue_ms=2_000) == []
    floor.clock.advance(2_000)
    assert [claimed.id for claimed in await floor.engine.sweep(10, overdue_ms=2_000)] == [order.id]


async def test_a_cancelled_run_gives_its_lease_back():
    floor = Floor()
    order = await floor.engine.place(request())
    asked = asyncio.Event()

    async def hang(_):
        asked.set()
        await asyncio.Event().wait()

    floor.venues[0].ask = hang
    run = asyncio.create_task(floor.engine.run(order.id))
    await asked.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert (await floor.store.get(order.id)).wake_at <= floor.clock.now()


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("status", ["claimed", Status.ROUTING, Status.BUILDING, Status.SUBMITTED])
async def test_a_run_that_is_cancelled_while_it_commits_gives_its_lease_back(status, made):
    floor = Floor()
    order = await floor.engine.place(request())
    if status == "claimed":
        await floor.store.commit(transition.start(order, NOW, NOW))
    commit, committing = floor.store.commit, asyncio.Event()

    async def hang_once(move):
        which = "claimed" if move.event is None else move.event.status
        if which != status or committing.is_set():
            return await commit(move)
        event = await commit(move) if made else None
        committing.set()
        await asyncio.Event().wait()
        return event

    floor.store.commit = hang_once
    run = asyncio.create_task(floor.engine.run(order.id))
    await committing.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert (await check_order(floor.store, order.id)).wake_at <= floor.clock.now()
    assert floor.queue.woken[-1] == (order.id, 0)
    await floor.engine.run(order.id)
    assert (await check_order(floor.store, order.id)).status is Status.CONFIRMED


async def test_a_run_that_is_cancelled_while_it_commits_leaves_another_workers_claim_alone():
    floor = Floor()
    order = await floor.engine.place(request())
    commit, committing = floor.store.commit, asyncio.Event()

    async def hang(move):
        committing.set()
        await asyncio.Event().wait()
        return await commit(move)

    floor.store.commit = hang
    run = asyncio.create_task(floor.engine.run(order.id))
    await committing.wait()
    floor.store.commit = commit
    await floor.store.commit(transition.start(order, NOW + 20_000, NOW))
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert (await floor.store.get(order.id)).wake_at == NOW + 20_000


async def test_a_run_that_is_cancelled_after_it_put_an_order_off_does_not_make_it_due():
    floor = Floor(FakeVenue("down", amount_out=0))
    order = await floor.engine.place(request())
    waking = asyncio.Event()

    async def hang_once(order_ids, delay_ms=0):
        if not waking.is_set():
            waking.set()
            await asyncio.Event().wait()

    floor.queue.wake = hang_once
    run = asyncio.create_task(floor.engine.run(order.id))
    await waking.wait()
    due = (await floor.store.get(order.id)).wake_at
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    order = await check_order(floor.store, order.id)
    assert (order.status, order.attempt, order.wake_at) == (Status.PENDING, 2, due)
    assert due > floor.clock.now()


async def test_a_commit_whose_acknowledgement_is_lost_is_no_second_swap():
    floor = Floor()
    order = await floor.engine.place(request())
    commit = floor.store.commit

    async def lose_the_first_submit(move):
        event = await commit(move)
        if event is not None and event.status is Status.SUBMITTED:
            floor.store.commit = commit
            raise StoreError("connection lost")
        return event

    floor.store.commit = lose_the_first_submit
    with pytest.raises(StoreError):
        await floor.engine.run(order.id)
    assert floor.network.sent == []
    floor.clock.advance(10_000)
    for claimed in await floor.engine.sweep(10):
        await floor.engine.resume(claimed)
    assert (await check_order(floor.store, order.id)).status is Status.CONFIRMED
    assert floor.network.landings(order.id) == 1


async def test_a_preview_stores_nothing():
    floor = Floor()
    decision = await floor.engine.preview(request())
    assert decision.chosen.venue == "better"
    assert (await floor.store.page("user-123", 1, 0)).total == 0
    assert floor.told() == []


def test_venues_need_names_of_their_own():
    with pytest.raises(ValueError, match="name of its own"):
        Floor(FakeVenue("a"), FakeVenue("a"))


async def test_a_height_that_contradicts_itself_is_no_proof_of_death():
    floor = Floor(loses_replies=True, lag_slots=3)
    height, told = floor.network.height, []

    async def lie():
        told.append(1)
        floor.network.block_height += 1
        return Height(10**18, 0) if len(told) < 5 else await height()

    floor.network.height = lie
    order = await floor.execute()
    assert (order.status, order.attempt) == (Status.CONFIRMED, 1)
    assert floor.network.landings(order.id) == 1


@pytest.mark.parametrize("out", [None, "213000000", 1.5, float("nan"), True, 2**64, -1])
async def test_a_fill_that_is_none_is_flagged_and_never_confirmed(out):
    floor = Floor()
    floor.network.status = answering(
        SwapStatus(outcome=SwapOutcome.LANDED, slot=9_999, fill=Fill(amount_in=1_500_000_000, amount_out=out))
    )
    order = await floor.execute()
    assert order.status is Status.SUBMITTED
    assert (await floor.store.counts(floor.clock.now())).attention == 1
    assert order.wake_at == floor.clock.now() + 60_000


@pytest.mark.parametrize("answer", [None, "landed", {"outcome": "landed"}])
async def test_a_network_that_never_says_anything_sound_is_brought_to_a_person(answer):
    floor = Floor()
    floor.network.status = answering(answer)
    order = await floor.execute()
    assert order.status is Status.SUBMITTED
    assert (await floor.store.counts(floor.clock.now())).attention == 1
    assert floor.clock.now() - NOW < 400_000
    assert len(floor.network.landed) == 1


@pytest.mark.parametrize(
    "signed", [None, "swap", SignedSwap(signature="s", transaction=b"t", blockhash="b", last_valid_block_height=None)]
)
async def test_what_the_network_signs_wrongly_is_a_failed_attempt_and_is_not_sent(signed):
    floor = Floor()
    floor.network.sign = answering(signed)
    order = await floor.run_to_the_end()
    assert (order.status, order.error_code, order.attempt) == (Status.FAILED, ErrorCode.EXECUTION_ERROR, 3)
    assert floor.network.sent == []


async def test_a_losing_quote_that_could_not_be_read_back_is_not_stored():
    floor = Floor()
    good = floor.venues[0].quote

    async def odd(asked):
        floor.venues[0].ask = None
        return evolve(await good(asked), payload="text")

    floor.venues[0].ask = odd
    order = await floor.execute()
    assert order.status is Status.CONFIRMED
    (attempt,) = await floor.store.executions(order.id)
    assert attempt.quotes[0].quote is None
    assert "payload" in attempt.quotes[0].reason


@pytest.mark.parametrize("where", ["quote", "leg", "sign", "send", "status"])
async def test_a_cancellation_that_leaks_from_an_adapter_is_a_failure_like_any_other(where):
    async def leak(*_):
        raise asyncio.CancelledError

    floor = Floor()
    venue = floor.venues[1]
    if where == "quote":
        venue.ask = leak
    else:
        setattr(venue if where == "leg" else floor.network, where, leak)
    order = await floor.execute()
    expected = {"quote": Status.CONFIRMED, "leg": Status.PENDING, "sign": Status.PENDING}
    assert order.status is expected.get(where, Status.SUBMITTED), "what is signed is followed, whatever fails"


async def test_a_hint_that_fails_in_any_way_harms_no_order():
    floor = Floor()

    async def fail(*_):
        raise ConnectionError

    floor.notifier.publish = floor.queue.wake = fail
    assert (await floor.execute()).status is Status.CONFIRMED


@pytest.mark.parametrize(
    ("step", "status"), [("choose", Status.PENDING), ("sign", Status.PENDING), ("land", Status.SUBMITTED)]
)
async def test_a_fault_of_our_own_is_not_repeated_for_ever_unseen(monkeypatch, step, status):
    def fault(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(transition, step, fault)
    floor = Floor()
    order = await floor.execute()
    assert order.status is status
    assert order.wake_at > floor.clock.now()
    assert (await floor.store.counts(floor.clock.now())).attention == (step == "land")
    monkeypatch.undo()
    assert (await floor.run_to_the_end()).status is Status.CONFIRMED


def answering(answer: object):
    async def answer_so(*_):
        return answer

    return answer_so
