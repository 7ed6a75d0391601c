"""Asking again, and what is never asked again."""

import pickle
from typing import Any

import pytest

from bestfill_client import calls
from bestfill_client.errors import (
    BadAnswer,
    EngineError,
    FieldError,
    Forbidden,
    NotAuthorized,
    NotFound,
    NotValid,
    TimedOut,
    TooLate,
    Unavailable,
    Unreachable,
    WrongArgument,
)
from bestfill_client.patience import Patience
from bestfill_client.sending import cancel, send, submit
from bestfill_client.steps import Answer, Ask, Outcome
from tests.unit.client.script import ID, LOST, OTHER, REFUSED, Script, accepted, answer, order, page, problem

DOWN = problem(503, "QUEUE_ERROR", "the store does not answer", retry_after="1")
TWICE = Patience(tries=2)


def placing(key: str | None = None) -> Any:
    body = calls.swap("SOL", "USDC", "1.5", None, "0.5", None, None)
    return calls.submit("user-123", key, body)


@pytest.mark.parametrize("passing", [LOST, REFUSED, DOWN, page(502), page(504), problem(429, "RATE_LIMITED")])
def test_what_may_pass_is_asked_again_with_the_same_key_and_the_same_bytes(passing: Outcome) -> None:
    script = Script([passing, passing, accepted()])
    told = script.play(submit(placing(), script.on))
    requests = [step.request for step in script.of(Ask)]
    assert len(requests) == 3
    assert requests[0] == requests[1] == requests[2]
    assert requests[0].body == (
        b'{"tokenIn":"SOL","tokenOut":"USDC","amountIn":"1.5","slippageTolerance":"0.5","userId":"user-123"}'
    )
    assert (told.order_id, told.idempotency_key) == (ID, requests[0].idempotency_key)
    assert told.idempotency_key


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, NotValid), (401, NotAuthorized), (403, Forbidden), (404, NotFound), (409, TooLate), (413, EngineError)],
)
def test_what_the_engine_refuses_is_asked_once(status: int, kind: type[EngineError]) -> None:
    script = Script([problem(status, "NO", "it must not be")])
    error = script.fails(submit(placing("k"), script.on))
    assert (type(error), error.in_doubt, error.idempotency_key) == (
        kind if kind is not EngineError else type(error),
        False,
        "k",
    )
    assert str(error) == "it must not be"


@pytest.mark.parametrize(
    "odd",
    [
        page(404), page(403), page(200), page(302, location="/login"), problem(500, "INTERNAL_ERROR"),
        problem(403, ""), problem(408, "REQUEST_TIMEOUT"),
    ],
)  # fmt: skip
def test_what_is_odd_is_asked_once_and_leaves_the_order_in_doubt(odd: Answer) -> None:
    script = Script([odd])
    error = script.fails(submit(placing("k 1"), script.on))
    assert error.in_doubt
    assert "may have been accepted all the same: submit it again with idempotency_key='k 1'" in str(error)


@pytest.mark.parametrize(
    ("outcomes", "doubt"),
    [
        ([REFUSED, REFUSED], False),
        ([REFUSED, LOST], True),
        ([LOST, REFUSED], True),
        ([DOWN, DOWN], True),
        ([problem(429, "RATE_LIMITED")] * 2, False),
        ([LOST, problem(401, "UNAUTHORIZED")], True),
    ],
)
def test_an_order_is_in_doubt_if_any_try_may_have_reached_the_engine(outcomes: list[Outcome], doubt: bool) -> None:
    script = Script(outcomes, TWICE)
    error = script.fails(submit(placing("k"), script.on))
    assert (error.in_doubt, error.idempotency_key) == (doubt, "k")
    assert ("'k'" in str(error)) is doubt


def test_the_error_says_where_nobody_answers_and_what_to_do() -> None:
    script = Script([REFUSED, REFUSED], TWICE)
    error = script.fails(send(calls.queue_stats(), script.on))
    assert isinstance(error, Unreachable)
    assert (
        str(error)
        == "no answer from http://engine: connection refused. Is the engine running there? ./dev run starts one"
    )


def test_pauses_double_up_to_the_longest_less_a_half_by_chance() -> None:
    patience = Patience(tries=7, first_s=0.2, longest_s=1.0, total_s=100)
    for chance, pauses in [(0.0, [0.2, 0.4, 0.8, 1.0, 1.0, 1.0]), (1.0, [0.1, 0.2, 0.4, 0.5, 0.5, 0.5])]:
        script = Script([REFUSED] * 7, patience, chance)
        script.fails(send(calls.tokens(), script.on))
        assert script.pauses == pytest.approx(pauses)


def test_retry_after_is_heeded_and_one_that_is_too_long_is_told_at_once() -> None:
    script = Script([problem(429, "RATE_LIMITED", retry_after="7"), accepted()])
    script.play(submit(placing(), script.on))
    assert script.pauses == [7.0]
    script = Script([problem(429, "RATE_LIMITED", retry_after="3600")])
    error = script.fails(submit(placing(), script.on))
    assert isinstance(error, Unavailable)
    assert (error.retry_after_s, script.pauses) == (3600.0, [])


@pytest.mark.parametrize("odd", ["-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "1e9", "٣", "9" * 400])
def test_a_retry_after_that_says_nothing_is_ignored(odd: str) -> None:
    script = Script([problem(503, "NO", retry_after=odd), accepted()])
    script.play(submit(placing(), script.on))
    assert script.pauses == [0.2]


def test_no_try_begins_after_the_total_time_and_the_last_gets_what_is_left() -> None:
    script = Script([25.0, LOST, 25.0, LOST, 25.0, LOST], Patience(tries=100, total_s=60, first_s=1, longest_s=1))
    script.fails(submit(placing(), script.on))
    assert [step.timeout_s for step in script.of(Ask)] == [30.0, 30.0, pytest.approx(8.0)]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"orderId": 1}', b'{"orderId": "x"}', b"[" * 100_000, b'{"status":"ok"}'],
)
def test_json_of_another_shape_is_a_bad_answer(body: bytes) -> None:
    script = Script([Answer(202, {"content-type": "application/json"}, body)])
    error = script.fails(submit(placing(), script.on))
    assert isinstance(error, BadAnswer)
    assert error.in_doubt


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "text/html"}, {"content-type": "application/json", "content-encoding": "gzip"}]
)
def test_a_body_that_is_not_plain_json_is_a_bad_answer(headers: dict[str, str]) -> None:
    script = Script([Answer(200, headers, accepted().body)])
    assert isinstance(script.fails(submit(placing(), script.on)), BadAnswer)


def test_an_answer_without_end_is_a_bad_answer() -> None:
    script = Script([Answer(200, {"content-type": "application/json"}, b" " * 8_388_609 + b"{}")])
    assert isinstance(script.fails(send(calls.queue_stats(), script.on)), BadAnswer)


def test_an_answer_about_something_else_is_a_bad_answer() -> None:
    script = Script([answer(200, order(id=OTHER))])
    assert isinstance(script.fails(send(calls.order(ID), script.on)), BadAnswer)
    page_ = {"orders": [order(userId="v")], "limit": 10, "offset": 0, "total": 1, "userSeq": 1}
    script = Script([answer(200, page_)])
    assert isinstance(script.fails(send(calls.orders("u", 10, 0), script.on)), BadAnswer)


def test_a_broken_problem_is_no_word_of_the_engines() -> None:
    for body in (b"[]", b"{", b'{"errors":1}', b'{"detail":{}}'):
        script = Script([Answer(400, {"content-type": "application/problem+json"}, body)])
        error = script.fails(submit(placing(), script.on))
        assert isinstance(error, BadAnswer)
        assert error.in_doubt


def test_what_a_refusal_says_is_printable_and_short() -> None:
    told = {
        "detail": "\x1b[2Jno\nno" + "x" * 1_000,
        "code": "A\x07",
        "errors": [{"field": "amountIn\x1b", "message": "\r\nbad"}],
    }
    script = Script([answer(400, told)])
    error = script.fails(submit(placing(), script.on))
    assert isinstance(error, NotValid)
    assert error.detail.isprintable() and len(error.detail) <= 300
    assert (error.code, error.field_errors) == ("A", {"amountIn": "bad"})


def test_a_cancel_whose_answer_was_lost_is_settled_by_the_order_itself() -> None:
    late = problem(409, "CONFLICT", "the order is failed and can't be cancelled any more")
    script = Script([LOST, late, answer(200, order("failed", 2, errorCode="CANCELLED"))])
    assert script.play(cancel(ID, script.on)).error_code == "CANCELLED"

    script = Script([LOST, late, answer(200, order("confirmed", 5))])
    error = script.fails(cancel(ID, script.on))
    assert (type(error), error.in_doubt) == (TooLate, False)

    script = Script([LOST, late, REFUSED, REFUSED], TWICE)
    error = script.fails(cancel(ID, script.on))
    assert (type(error), error.in_doubt) == (TooLate, True)


def test_a_cancel_that_comes_too_late_is_refused_without_more_ado() -> None:
    script = Script([problem(409, "CONFLICT")])
    error = script.fails(cancel(ID, script.on))
    assert (type(error), error.in_doubt) == (TooLate, False)


def test_a_cancel_without_any_answer_says_so() -> None:
    script = Script([LOST, LOST], TWICE)
    error = script.fails(cancel(ID, script.on))
    assert error.in_doubt
    assert "may have been cancelled" in str(error)


@pytest.mark.parametrize(
    "error", [NotValid(400, "NO", "no", [FieldError("a", "b")]), TimedOut(ID, "routing", 1.0), WrongArgument("a", "b")]
)
def test_an_error_passes_between_processes_with_all_that_it_tells(error: EngineError) -> None:
    error.in_doubt, error.idempotency_key, error.advice = True, "k", "look"
    passed = pickle.loads(pickle.dumps(error))
    assert (type(passed), str(passed), vars(passed)) == (type(error), str(error), vars(error))


def test_statuses_and_codes_of_newer_engines_pass() -> None:
    script = Script([answer(200, order("frozen", 3, errorCode="SOLAR_FLARE"))])
    told = script.play(send(calls.order(ID), script.on))
    assert (told.status, told.error_code, told.ended) == ("frozen", "SOLAR_FLARE", False)
