"""A story that can't have happened is refused, whatever step of it can't."""

from itertools import product

import pytest
from attrs import evolve

from bestfill import events
from bestfill.machine import TRANSITIONS
from bestfill.order import Attempt, AttemptOutcome, Order, Status
from bestfill.quote import Fill
from bestfill.story import check_attempts, follow, retell
from bestfill.testing import samples
from bestfill.testing.samples import NOW
from bestfill.units import Millis

MOVES = {(source, target) for (source, _), target in TRANSITIONS.items()}
DATA = {"dex": "d", "txHash": "t", "price": "1", "amountOut": "1", "errorCode": "EXPIRED", "errorReason": "r"}


def told() -> tuple[list[events.OrderEvent], Order, Attempt]:
    """Give a story that ends in a swap, with the order and its attempt."""
    order, first = samples.new_order()
    story, move = [first], samples.started(order)
    for step in (samples.chosen, samples.submitted, samples.landed):
        story.append(move.event)
        move = step(move.order, move.attempt)
    return [*story, move.event], move.order, move.attempt


def test_a_story_is_retold_as_it_is_folded():
    story, order, _ = told()
    assert retell(story) == events.fold(story) == events.without_engine_fields(order)


@pytest.mark.parametrize(("source", "target"), [*product(Status, Status)])
def test_only_moves_of_the_state_machine_are_followed(source: Status, target: Status):
    order = evolve(samples.new_order()[0], status=source)
    event = events.OrderEvent(
        order_id=order.id, user_id=order.user_id, seq=2, status=target, data=DATA, timestamp=NOW,
        attempt=1 + (target is Status.PENDING),
    )  # fmt: skip
    if (source, target) in MOVES:
        assert follow(order, event).status is target
    else:
        with pytest.raises(ValueError, match="is no move"):
            follow(order, event)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"attempt": 2}, "count up"), ({"seq": 3}, "does not follow"), ({"timestamp": NOW - 1}, "does not follow")],
)
def test_a_step_out_of_line_is_not_followed(change, said):
    order, _ = samples.new_order()
    with pytest.raises(ValueError, match=said):
        follow(order, evolve(events.routing(order, NOW), **change))


def test_no_events_are_no_story():
    with pytest.raises(ValueError, match="no events"):
        retell([])


def test_the_attempts_of_a_swap_are_what_the_order_says():
    _, order, attempt = told()
    check_attempts(order, [attempt])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": 2}, "numbered"),
        ({"outcome": AttemptOutcome.REVERTED}, "0 landed"),
        ({"outcome": None}, "1 live"),
        ({"signed": None}, "another signature"),
        ({"fill": None}, "without a fill"),
        ({"min_out": None}, "without a fill or a bound"),
        ({"min_out": 213_000_000}, "below"),
        ({"fill": Fill(amount_in=1, amount_out=220_000_000)}, "the order says"),
    ],
)
def test_an_attempt_that_says_otherwise_than_its_order_is_refused(change, said):
    _, order, attempt = told()
    with pytest.raises(ValueError, match=said):
        check_attempts(order, [evolve(attempt, **change)])


@pytest.mark.parametrize(
    ("status", "attempt", "possible"),
    [
        (Status.PENDING, 1, {0}),
        (Status.PENDING, 2, {1}),
        (Status.ROUTING, 1, {1}),
        (Status.BUILDING, 2, {2}),
        (Status.FAILED, 1, {0, 1}),
        (Status.FAILED, 3, {2, 3}),
    ],
)
def test_an_order_has_an_attempt_for_each_that_was_begun(status: Status, attempt: int, possible: set[int]):
    order = evolve(samples.new_order()[0], status=status, attempt=attempt)
    for count in range(5):
        attempts = [
            Attempt(order_id=order.id, number=n, started_at=Millis(NOW), outcome=AttemptOutcome.ABANDONED)
            for n in range(1, count + 1)
        ]
        if count in possible:
            check_attempts(order, attempts)
        else:
            with pytest.raises(ValueError, match="of them"):
                check_attempts(order, attempts)
