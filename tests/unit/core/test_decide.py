"""The policy, step by step, without any I/O."""

import pytest
from attrs import evolve

from bestfill import decide as step
from bestfill.decide import Known, decide, proven_dead
from bestfill.errors import (
    BlockhashExpired,
    Expired,
    NoRoute,
    QuoteError,
    SwapReverted,
    VenueUnavailable,
)
from bestfill.order import Status
from bestfill.policy import ExecutionPolicy
from bestfill.quote import Fill, Height, SwapOutcome, SwapStatus
from bestfill.routing import Decision
from bestfill.testing import samples
from bestfill.testing.samples import NOW
from bestfill.units import Millis

POLICY = ExecutionPolicy()
HELD = Known(held=True)


def at(status: Status):
    """Give an order, its attempt and its signed swap, at a status."""
    order, _ = samples.new_order()
    if status is Status.PENDING:
        return order, None
    move = samples.started(order)
    for go, reached in (
        (samples.chosen, Status.BUILDING),
        (samples.submitted, Status.SUBMITTED),
        (samples.landed, Status.CONFIRMED),
    ):
        if move.order.status is status:
            break
        move = go(move.order, move.attempt)
        assert move.order.status is reached
    return move.order, move.attempt


def next_step(status: Status, known: Known = HELD, now: int = NOW, **changes: object) -> step.Step:
    order, attempt = at(status)
    return decide(evolve(order, **changes), attempt, known, POLICY, now)


def chain(
    outcome: SwapOutcome, height: int, slot: int, read_at_slot: int | None = None, out: int = 212_999_999
) -> Known:
    fill = Fill(amount_in=1_500_000_000, amount_out=out) if outcome is SwapOutcome.LANDED else None
    return evolve(
        HELD,
        sent_at=NOW,
        polls=1,
        polled_at=NOW,
        height=Height(height, height if read_at_slot is None else read_at_slot),
        status=SwapStatus(outcome=outcome, slot=slot, fill=fill, reason="0x1"),
    )


def test_what_has_ended_is_done():
    assert next_step(Status.CONFIRMED, Known()) == step.Done()


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED])
def test_what_is_not_due_is_left_alone(status):
    assert next_step(status, Known(), wake_at=NOW + POLICY.early_ms + 1) == step.Leave()


def test_a_wake_that_comes_a_little_early_is_not_lost():
    assert next_step(Status.PENDING, Known(), wake_at=NOW + 1) == step.Pause(NOW + 1)
    assert next_step(Status.ROUTING, Known(), wake_at=NOW + 1) == step.Leave(), "another worker's lease is not passed"


@pytest.mark.parametrize("status", [Status.ROUTING, Status.BUILDING, Status.SUBMITTED])
def test_a_running_order_is_taken_over_when_its_lease_has_passed(status):
    assert next_step(status, Known(), wake_at=NOW) == step.Claim()


def test_a_due_order_is_started():
    assert next_step(Status.PENDING, Known()) == step.Start()


def test_routing_asks_then_records():
    order, _ = at(Status.ROUTING)
    decision = samples.decision(order)
    assert next_step(Status.ROUTING) == step.AskQuotes()
    assert next_step(Status.ROUTING, evolve(HELD, decision=decision)) == step.Choose(decision)


def test_building_builds_the_chosen_quote_then_records_the_signature_before_anything_is_sent():
    order, _ = at(Status.BUILDING)
    signed = samples.signed(order)
    assert next_step(Status.BUILDING) == step.Build(samples.quote(order))
    assert next_step(Status.BUILDING, evolve(HELD, signed=signed)) == step.Submit(signed)


def test_a_swap_is_never_signed_on_an_old_quote():
    for known in (HELD, evolve(HELD, signed=samples.signed(at(Status.BUILDING)[0]))):
        late = next_step(Status.BUILDING, known, now=NOW + POLICY.quote_ttl_ms + 1)
        assert isinstance(late, step.Retry)
        assert isinstance(late.error, QuoteError)


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING])
def test_what_is_not_signed_in_time_expires(status):
    order, _ = at(status)
    known = evolve(HELD, signed=samples.signed(order)) if status is Status.BUILDING else HELD
    late = next_step(status, known, now=order.expires_at)
    assert isinstance(late, step.Fail)
    assert isinstance(late.error, Expired)


def test_what_is_signed_does_not_expire():
    order, _ = at(Status.SUBMITTED)
    assert not isinstance(next_step(Status.SUBMITTED, now=order.expires_at), step.Fail)


@pytest.mark.parametrize(
    ("error", "attempt", "kind"),
    [
        (VenueUnavailable("x"), 1, step.Retry),
        (VenueUnavailable("x"), 2, step.Retry),
        (VenueUnavailable("x"), 3, step.Fail),
        (NoRoute("x"), 1, step.Fail),
    ],
)
def test_what_may_pass_is_tried_three_times(error, attempt, kind):
    nothing = Decision(chosen=None, considered=(), reason=error.reason, error=error)
    assert next_step(Status.ROUTING, evolve(HELD, decision=nothing), attempt=attempt) == kind(error)
    assert next_step(Status.BUILDING, evolve(HELD, error=error), attempt=attempt) == kind(error)


def test_a_submitted_order_is_sent_then_asked_about():
    order, _ = at(Status.SUBMITTED)
    assert next_step(Status.SUBMITTED) == step.Send(samples.signed(order))
    assert next_step(Status.SUBMITTED, evolve(HELD, sent_at=NOW)) == step.Poll(samples.signed(order))


def test_a_swap_that_is_not_seen_is_waited_for_then_sent_again():
    order, _ = at(Status.SUBMITTED)
    known = chain(SwapOutcome.NOT_FOUND, 1_001, 1_001)
    assert next_step(Status.SUBMITTED, known) == step.Pause(NOW + POLICY.first_poll_ms)
    assert next_step(Status.SUBMITTED, known, now=NOW + 60) == step.Poll(samples.signed(order))
    assert next_step(Status.SUBMITTED, known, now=NOW + POLICY.resend_ms) == step.Send(samples.signed(order))


def test_the_more_orders_are_in_hand_the_seldomer_each_is_asked_about():
    order, attempt = at(Status.SUBMITTED)
    known = chain(SwapOutcome.NOT_FOUND, 1_001, 1_001)
    many = POLICY.polls_per_s  # so many that each has its turn once a second
    assert decide(order, attempt, known, POLICY, NOW, many) == step.Pause(NOW + 1_000)
    assert decide(order, attempt, known, POLICY, Millis(NOW + 1_000), many) == step.Poll(samples.signed(order))
    few = POLICY.polls_per_s * POLICY.first_poll_ms // 1_000
    assert decide(order, attempt, known, POLICY, NOW, few) == step.Pause(NOW + POLICY.first_poll_ms)


def test_who_waits_long_for_its_turn_to_ask_keeps_its_lease():
    order, attempt = at(Status.SUBMITTED)
    known = chain(SwapOutcome.NOT_FOUND, 1_001, 1_001)
    crowd = 60 * POLICY.polls_per_s  # so many that each has its turn once a minute
    waiting = decide(order, attempt, known, POLICY, NOW, crowd)
    assert isinstance(waiting, step.Pause)
    assert NOW < waiting.until < order.wake_at
    sent = evolve(known, sent_at=waiting.until)
    assert decide(order, attempt, sent, POLICY, waiting.until, crowd) == step.Claim()


def test_a_clock_that_jumps_back_puts_nothing_off():
    known = chain(SwapOutcome.NOT_FOUND, 1_001, 1_001)
    back = NOW - 3_600_000
    assert isinstance(next_step(Status.SUBMITTED, known, now=back), step.Send)
    waiting = next_step(Status.SUBMITTED, evolve(known, sent_at=back), now=back)
    assert isinstance(waiting, step.Pause)
    assert waiting.until <= back + POLICY.longest_poll_ms


def test_nothing_is_sent_that_cannot_land_any_more():
    late = chain(SwapOutcome.NOT_FOUND, 1_151, 1_100)  # the status lags, so nothing is proven yet
    assert not isinstance(next_step(Status.SUBMITTED, evolve(late, sent_at=None)), step.Send)


def test_a_lease_is_kept_while_the_chain_is_slow():
    assert next_step(Status.SUBMITTED, wake_at=NOW + 1) == step.Claim()


def test_a_landed_swap_is_confirmed_with_its_fill():
    landed = next_step(Status.SUBMITTED, chain(SwapOutcome.LANDED, 1_001, 1_001))
    assert landed == step.Confirm(Fill(amount_in=1_500_000_000, amount_out=212_999_999))


def test_a_reverted_swap_may_be_tried_again():
    again = next_step(Status.SUBMITTED, chain(SwapOutcome.REVERTED, 1_001, 1_001))
    assert isinstance(again, step.Retry)
    assert isinstance(again.error, SwapReverted)


# The last valid block height of samples.signed is 1_150.
@pytest.mark.parametrize(
    ("outcome", "height", "height_slot", "slot", "dead"),
    [
        (SwapOutcome.NOT_FOUND, 1_151, 1_151, 1_151, True),
        (SwapOutcome.NOT_FOUND, 1_151, 1_400, 1_400, True),
        (SwapOutcome.NOT_FOUND, 1_150, 1_150, 9_999, False),  # its last block may still hold it
        (SwapOutcome.NOT_FOUND, 1_151, 1_151, 1_150, False),  # the node that was asked lags
        (SwapOutcome.NOT_FOUND, 1_151, 1_400, 1_399, False),  # slots are compared with slots, not with heights
        (SwapOutcome.SEEN, 9_999, 9_999, 9_999, False),  # a node that is slow to call its block final
        (SwapOutcome.UNKNOWN, 9_999, 9_999, 9_999, False),
        (SwapOutcome.LANDED, 9_999, 9_999, 9_999, False),
        (SwapOutcome.REVERTED, 9_999, 9_999, 9_999, False),
    ],
)
def test_proof_of_death(outcome, height, height_slot, slot, dead):
    order, _ = at(Status.SUBMITTED)
    status = SwapStatus(outcome=outcome, slot=slot)
    assert proven_dead(samples.signed(order), Height(height, height_slot), status) is dead


def test_only_a_swap_that_is_proven_dead_is_given_up():
    dead = next_step(Status.SUBMITTED, chain(SwapOutcome.NOT_FOUND, 1_151, 1_151))
    assert isinstance(dead, step.Retry)
    assert isinstance(dead.error, BlockhashExpired)
    for alive in (
        chain(SwapOutcome.NOT_FOUND, 1_150, 1_150),
        chain(SwapOutcome.NOT_FOUND, 1_151, 1_150),
        chain(SwapOutcome.SEEN, 1_151, 1_151),
        evolve(chain(SwapOutcome.NOT_FOUND, 1_151, 1_151), height=None),
        evolve(HELD, sent_at=NOW, polls=99, polled_at=NOW),
    ):
        for later in (NOW, NOW + 3_600_000):
            after = next_step(Status.SUBMITTED, alive, now=later, wake_at=later + 10_000)
            assert not isinstance(after, step.Retry | step.Fail), after


def test_a_failed_step_after_signing_is_brought_to_a_person_and_ends_nothing():
    order, attempt = at(Status.SUBMITTED)
    known = evolve(HELD, error=VenueUnavailable("a step failed"))
    assert decide(order, attempt, known, POLICY, NOW) == step.Flag("a step failed")
    flagged = evolve(attempt, attention="a step failed")
    assert decide(order, flagged, known, POLICY, NOW) == step.Rest(NOW + POLICY.attention_poll_ms)


def test_a_swap_that_nobody_tells_of_for_long_is_brought_to_a_person():
    late = NOW + POLICY.unanswered_ms + 1
    known = evolve(HELD, sent_at=late, polls=9, polled_at=late)
    assert isinstance(next_step(Status.SUBMITTED, known, now=late, wake_at=late + 10_000), step.Flag)
    first = evolve(known, polls=0)
    assert isinstance(next_step(Status.SUBMITTED, first, now=late, wake_at=late + 10_000), step.Poll), "ask first"


@pytest.mark.parametrize(
    "known",
    [
        chain(SwapOutcome.UNKNOWN, 9_999, 9_999),
        chain(SwapOutcome.LANDED, 1_001, 1_001, out=1),
        evolve(chain(SwapOutcome.LANDED, 1_001, 1_001), status=SwapStatus(outcome=SwapOutcome.LANDED, slot=1_001)),
    ],
)
def test_what_nobody_can_tell_is_flagged_once_and_never_guessed(known):
    order, attempt = at(Status.SUBMITTED)
    flag = decide(order, attempt, known, POLICY, NOW)
    assert isinstance(flag, step.Flag)
    flagged = evolve(attempt, attention=flag.reason)
    assert decide(order, flagged, known, POLICY, NOW) == step.Rest(NOW + POLICY.attention_poll_ms)
