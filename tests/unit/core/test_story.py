"""A story that can't have happened is refused, whatever step of it can't, and an attempt that is not as it was told."""

from collections.abc import Callable
from itertools import product

import pytest
from attrs import evolve, fields

from bestfill import events
from bestfill import transition as to
from bestfill.errors import Cancelled, Expired, SwapReverted
from bestfill.machine import TRANSITIONS
from bestfill.order import Attempt, AttemptOutcome, Order, Status
from bestfill.quote import Fill
from bestfill.story import Told, check_attempts, follow, retell
from bestfill.testing import samples
from bestfill.testing.samples import NOW
from bestfill.transition import Transition
from bestfill.units import Millis

MOVES = {(source, target) for (source, _), target in TRANSITIONS.items()}
DATA = {
    "dex": "d", "txHash": "t", "price": "1", "amountIn": "1", "amountOut": "1", "minAmountOut": "1",
    "lastValidBlockHeight": 1, "attention": "a", "errorCode": "EXPIRED", "errorReason": "r",
}  # fmt: skip
UNTOLD = {"quotes", "quoted_at", "route", "submitted_at", "ended_at"}
"""Fields of an attempt of which no event tells."""

Step = Callable[[Order, Attempt], Transition]


def _started(order: Order, _: Attempt) -> Transition:
    return samples.started(order)


def _flagged(order: Order, attempt: Attempt) -> Transition:
    return to.flag(order, attempt, "nobody can tell", Millis(NOW + 60_000), NOW)


def _reverted(order: Order, attempt: Attempt) -> Transition:
    error = SwapReverted("the swap failed on chain")
    return to.retry(order, attempt, error, AttemptOutcome.REVERTED, Millis(NOW + 1_000), NOW)


def _cancelled(order: Order, attempt: Attempt) -> Transition:
    return to.cancel(order, attempt, Cancelled("as asked"), NOW)


def _expired(order: Order, _: Attempt) -> Transition:
    return to.fail(order, None, Expired("it waited for too long"), AttemptOutcome.ABANDONED, NOW)


TO_SUBMITTED = (_started, samples.chosen, samples.submitted)
STORIES: dict[str, tuple[Step, ...]] = {
    "it waits": (),
    "it is being signed": (_started, samples.chosen),
    "a person must look": (*TO_SUBMITTED, _flagged),
    "it has landed": (*TO_SUBMITTED, samples.landed),
    "it has landed after a person looked": (*TO_SUBMITTED, _flagged, samples.landed),
    "it has landed at last": (*TO_SUBMITTED, samples.retried, *TO_SUBMITTED, _reverted, *TO_SUBMITTED, samples.landed),
    "it has reverted, and is on its way again": (*TO_SUBMITTED, _reverted, _started),
    "it is cancelled before it is begun": (lambda order, _: _cancelled(order, None),),
    "it is cancelled on its way": (_started, samples.chosen, _cancelled),
    "it has expired while it waited": (*TO_SUBMITTED, _flagged, samples.retried, _expired),
}  # fmt: skip


def told(*steps: Step) -> tuple[list[events.OrderEvent], Order, list[Attempt]]:
    """Give the story of these steps, with the order and its attempts."""
    order, first = samples.new_order()
    story, attempts = [first], dict[int, Attempt]()
    for step in steps:
        move = step(order, attempts.get(order.attempt))
        story.append(move.event)
        order = move.order
        if move.attempt is not None:
            attempts[move.attempt.number] = move.attempt
    return story, order, list(attempts.values())


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
def test_a_story_is_retold_as_it_is_folded_and_its_attempts_are_as_told(steps):
    story, order, attempts = told(*steps)
    assert retell(story).order == events.fold(story) == events.without_engine_fields(order)
    check_attempts(retell(story), attempts)


@pytest.mark.parametrize(("source", "target"), [*product(Status, Status)])
def test_only_moves_of_the_state_machine_are_followed(source: Status, target: Status):
    order = evolve(samples.new_order()[0], status=source)
    before = Told(order, (Attempt(order_id=order.id, number=1, started_at=NOW),))
    event = events.OrderEvent(
        order_id=order.id, user_id=order.user_id, seq=2, status=target, data=DATA, timestamp=NOW,
        attempt=1 + (target is Status.PENDING),
    )  # fmt: skip
    if (source, target) in MOVES:
        assert follow(before, event).order.status is target
    else:
        with pytest.raises(ValueError, match="is no move"):
            follow(before, event)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"attempt": 2}, "count up"), ({"seq": 3}, "does not follow"), ({"timestamp": NOW - 1}, "does not follow")],
)
def test_a_step_out_of_line_is_not_followed(change, said):
    order, _ = samples.new_order()
    with pytest.raises(ValueError, match=said):
        follow(Told(order), evolve(events.routing(order, NOW), **change))


def test_a_swap_that_paid_less_than_its_bound_is_not_followed():
    *story, last = told(*STORIES["it has landed"])[0]
    with pytest.raises(ValueError, match="the swap paid 1000000, below 211935000"):
        retell([*story, evolve(last, data={**last.data, "amountOut": "1"})])


def test_no_events_are_no_story():
    with pytest.raises(ValueError, match="no events"):
        retell([])


CHANGES = [
    {"order_id": "another"},
    {"number": 9},
    {"started_at": NOW + 1},
    {"venue": "another"},
    {"quoted_out": 1},
    {"min_out": 1},
    {"signed": None},
    {"signed": evolve(samples.signed(samples.new_order()[0]), signature="another")},
    {"signed": evolve(samples.signed(samples.new_order()[0]), last_valid_block_height=1)},
    {"fill": None},
    {"fill": Fill(amount_in=1, amount_out=212_999_999)},
    {"fill": Fill(amount_in=1_500_000_000, amount_out=1)},
    {"error_code": None},
    {"error_code": "VALIDATION_ERROR"},
    {"error_reason": "another"},
    {"attention": None},
    {"attention": "another"},
    *({"outcome": outcome} for outcome in (None, *AttemptOutcome)),
]
DEAD = {AttemptOutcome.REVERTED, AttemptOutcome.EXPIRED}
"""The events do not tell them apart."""


def test_every_field_of_an_attempt_of_which_events_tell_is_among_the_changes():
    assert {name for change in CHANGES for name in change} | UNTOLD == {f.name for f in fields(Attempt)}


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_an_attempt_that_says_otherwise_than_its_events_is_refused_whichever_it_is(change):
    ((name, value),) = change.items()
    tried = 0
    for steps in STORIES.values():
        story, _, attempts = told(*steps)
        for place, attempt in enumerate(attempts):
            before = getattr(attempt, name)
            if value == before or {value, before} == DEAD:
                continue
            changed = [*attempts[:place], evolve(attempt, **change), *attempts[place + 1 :]]
            said = f"number {attempt.number} does not say what the events say: {name}"
            with pytest.raises(ValueError, match=f"^{said}$"):
                check_attempts(retell(story), changed)
            tried += 1
    assert tried > 0


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
def test_an_order_has_an_attempt_for_each_that_was_begun(steps):
    story, order, attempts = told(*steps)
    one_more = Attempt(order_id=order.id, number=len(attempts) + 1, started_at=NOW, outcome=AttemptOutcome.ABANDONED)
    for others in ([*attempts, one_more], *([attempts[1:], attempts[:-1]] if attempts else [])):
        with pytest.raises(ValueError, match=f"{len(attempts)} were begun, and {len(others)} are there"):
            check_attempts(retell(story), others)
