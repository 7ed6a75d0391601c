"""Streams over connections that break, and servers that talk nonsense."""

import math

import pytest

from bestfill_client.errors import BadAnswer, NotFound, NotValid, Refused, TimedOut, Unreachable, WrongArgument
from bestfill_client.following import follow, follow_user, wait
from bestfill_client.patience import Patience
from bestfill_client.steps import Answer, Closed, Message, Opened, Outcome, Quiet, Read
from bestfill_client.stream import NOISE_MAX, Stream
from tests.unit.client.script import (
    CUT,
    ID,
    LOST,
    OTHER,
    REFUSED,
    Script,
    answer,
    message,
    messages,
    order,
    page,
    problem,
)

OK = Opened()
SOCKET = f"/ws/{ID}?since="


def story(since: int = 0) -> Stream:
    return Stream(order_id=ID, since=since)


def seqs(script: Script) -> list[int]:
    return [told.seq for told in script.told]


def test_a_story_is_told_to_its_end() -> None:
    script = Script([OK, *messages(1, 2, 3, 4, 5)])
    script.play(follow(story(), script.on))
    assert (seqs(script), script.paths) == ([1, 2, 3, 4, 5], [SOCKET + "0"])


@pytest.mark.parametrize(
    "end", [CUT, Closed(1012, "stopping"), Closed(1013, "too slow"), Closed(1011, ""), Closed(1001, "")]
)
def test_a_stream_that_breaks_off_goes_on_where_it_was(end: Closed) -> None:
    script = Script([OK, end, OK, *messages(1, 2), end, LOST, page(502), OK, end, OK, *messages(3, 4, 5)])
    script.play(follow(story(), script.on))
    assert seqs(script) == [1, 2, 3, 4, 5]
    assert script.paths == [SOCKET + since for since in "002222"]
    assert script.pauses == pytest.approx([0.2, 0.2, 0.4, 0.8, 1.6]), "an event starts the pauses anew"


def test_repeats_are_dropped() -> None:
    script = Script([OK, *messages(1, 2, 1, 2), CUT, OK, *messages(1, 2, 3, 3, 4, 5)])
    script.play(follow(story(), script.on))
    assert seqs(script) == [1, 2, 3, 4, 5]


def test_a_gap_is_filled_by_a_new_connection() -> None:
    script = Script([OK, *messages(1, 3), OK, *messages(2, 3, 4, 5)])
    script.play(follow(story(), script.on))
    assert (seqs(script), script.paths, script.shut) == ([1, 2, 3, 4, 5], [SOCKET + "0", SOCKET + "1"], 1)


@pytest.mark.parametrize(
    "nonsense",
    [
        message(3),
        message(2, order_id=OTHER),
        Message("hello"),
        Message(b"\xff\xfe"),
        Message("[1]"),
        Message('{"event": "status_update"}'),
        Message('{"event": "status_update", "orderId": 1}'),
        Message("[" * 100_000),
    ],
)
def test_nonsense_again_and_again_is_a_bad_answer_and_no_endless_loop(nonsense: Message) -> None:
    script = Script([OK, message(1), *[nonsense, OK] * 2, nonsense])
    error = script.fails(follow(story(), script.on))
    assert (type(error), error.since, seqs(script)) == (BadAnswer, 1, [1])


def test_a_message_that_is_too_long_again_and_again_is_a_bad_answer() -> None:
    fault = Closed(0, "", "a message is too long")
    script = Script([OK, fault] * 3)
    assert isinstance(script.fails(follow(story(), script.on)), BadAnswer)


def test_nonsense_that_passes_is_forgotten_with_the_next_event() -> None:
    script = Script(
        [o for seq in range(1, 6) for o in (OK, Message("?"), OK, Message("?"), OK, message(seq), *[CUT] * (seq < 5))]
    )
    script.play(follow(story(), script.on))
    assert seqs(script) == [1, 2, 3, 4, 5]


def test_a_server_that_repeats_itself_for_ever_is_a_bad_answer() -> None:
    again = [OK, *[message(1)] * (NOISE_MAX + 1)]
    script = Script([OK, message(1), *[message(1)] * (NOISE_MAX + 1), *again, *again])
    assert isinstance(script.fails(follow(story(), script.on)), BadAnswer)


def test_messages_that_only_newer_clients_know_are_ignored() -> None:
    newer = Message('{"event": "heartbeat", "at": 1}')
    script = Script([OK, newer, message(1), newer, *messages(2, 3, 4, 5)])
    script.play(follow(story(), script.on))
    assert seqs(script) == [1, 2, 3, 4, 5]


def test_a_normal_close_is_the_end_only_if_the_order_says_so() -> None:
    done = Closed(1000, "")
    script = Script([OK, done, answer(200, order("confirmed", 5))])
    script.play(follow(story(5), script.on))
    assert script.told == []

    script = Script([OK, *messages(1, 2), done, answer(200, order("confirmed", 5)), OK, *messages(3, 4, 5)])
    script.play(follow(story(), script.on))
    assert seqs(script) == [1, 2, 3, 4, 5]

    script = Script([OK, *messages(1, 2), done, answer(200, order("building", 2)), OK, *messages(3, 4, 5)])
    script.play(follow(story(), script.on))
    assert seqs(script) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("code", "kind", "status"), [(4404, NotFound, 404), (4400, NotValid, 400), (4418, Refused, 418)]
)
def test_a_refused_stream_is_not_asked_for_again(code: int, kind: type[Refused], status: int) -> None:
    script = Script([OK, Closed(code, "there is no such order")])
    error = script.fails(follow(story(), script.on))
    assert isinstance(error, Refused)
    assert (type(error), error.status, error.detail) == (kind, status, "there is no such order")


@pytest.mark.parametrize("odd", [page(404), page(200), page(301, location="http://evil"), problem(401, "UNAUTHORIZED")])
def test_a_handshake_that_is_answered_otherwise_is_not_tried_again(odd: Answer) -> None:
    script = Script([odd])
    assert not isinstance(script.fails(follow(story(), script.on)), Unreachable)


def test_patience_ends_when_nothing_comes_of_it() -> None:
    script = Script([OK, *messages(1, 2), CUT, *[REFUSED] * 5], Patience(stream_s=10, first_s=1, longest_s=2))
    error = script.fails(follow(story(), script.on))
    assert (type(error), error.since) == (Unreachable, 2)
    assert sum(script.pauses) == pytest.approx(9.0)


def test_a_server_that_takes_connections_and_drops_them_uses_up_patience_too() -> None:
    script = Script([OK, CUT] * 6, Patience(stream_s=10, first_s=1, longest_s=2))
    assert isinstance(script.fails(follow(story(), script.on)), Unreachable)


def test_a_connection_that_lasts_without_events_is_no_trouble() -> None:
    cuts: list[Outcome | float] = [OK, 20.0, CUT] * 30
    script = Script([*cuts, OK, *messages(1, 2, 3, 4, 5)], Patience(stream_s=10))
    script.play(follow(story(), script.on))
    assert set(script.pauses) == {0.2}


def test_without_a_limit_it_goes_on_for_ever() -> None:
    script = Script([*[REFUSED] * 10_000, OK, *messages(1, 2, 3, 4, 5)], Patience(stream_s=None))
    script.play(follow(story(), script.on))
    assert max(script.pauses) == 5.0


def test_a_retry_after_of_the_handshake_is_heeded() -> None:
    script = Script([page(503, retry_after="9"), OK, *messages(1, 2, 3, 4, 5)])
    script.play(follow(story(), script.on))
    assert script.pauses == [9.0]


def user_story(*numbers: int) -> list[Message]:
    return [message(1, "pending", user_seq=number, order_id=ID if number % 2 else OTHER) for number in numbers]


def test_a_user_is_followed_over_all_orders_by_user_seq() -> None:
    script = Script([OK, *user_story(8, 9), CUT, OK, *user_story(9, 10), Closed(4400, "enough")])
    error = script.fails(follow_user("us er/ü&", 7, script.on))
    assert [told.user_seq for told in script.told] == [8, 9, 10]
    assert script.paths == [f"/ws?userId=us%20er%2F%C3%BC%26&since={since}" for since in (7, 9)]
    assert error.since == 10


def test_a_user_is_followed_from_now_on_without_losing_what_happens_during_a_cut() -> None:
    page_ = {"orders": [], "limit": 1, "offset": 0, "total": 0, "userSeq": 7}
    script = Script([answer(200, page_), OK, CUT, OK, *user_story(8), Closed(4400, "enough")])
    script.fails(follow_user("u", None, script.on))
    assert [told.user_seq for told in script.told] == [8]
    assert script.paths == ["/ws?userId=u&since=7", "/ws?userId=u&since=7"], (
        "the number is known before the first event"
    )


def test_a_users_stream_that_is_closed_normally_goes_on() -> None:
    script = Script([OK, Closed(1000, ""), OK, *user_story(1), Closed(4400, "enough")])
    script.fails(follow_user("u", 0, script.on))
    assert [told.user_seq for told in script.told] == [1]


@pytest.mark.parametrize("since", [-1, True, 1.0, "1"])
def test_a_since_that_is_no_number_is_refused(since: int) -> None:
    with pytest.raises(WrongArgument, match="since must be a whole number"):
        story(since)


def test_wait_gives_an_order_that_has_ended_at_once() -> None:
    script = Script([answer(200, order("failed", 3))])
    assert script.play(wait(ID, 0, script.on)).status == "failed"


def test_wait_goes_on_after_what_the_order_has_and_gives_it_ended() -> None:
    script = Script(
        [answer(200, order("routing", 2)), OK, message(3), CUT, OK, *messages(4, 5), answer(200, order("confirmed", 5))]
    )
    assert script.play(wait(ID, None, script.on)).status == "confirmed"
    assert script.paths == [SOCKET + "2", SOCKET + "3"]


def test_wait_without_end_waits_as_none_does() -> None:
    script = Script([answer(200, order("routing", 2)), OK, *messages(3, 4, 5), answer(200, order("confirmed", 5))])
    assert script.play(wait(ID, math.inf, script.on)).status == "confirmed"
    assert {step.timeout_s for step in script.of(Read)} == {None}


def test_wait_ends_in_time_and_says_where_the_order_stands() -> None:
    script = Script([answer(200, order("routing", 2)), OK, 4.0, message(3), Quiet(), answer(200, order("building", 3))])
    error = script.fails(wait(ID, 10, script.on))
    assert isinstance(error, TimedOut)
    assert (error.order_id, error.status) == (ID, "building")
    assert [step.timeout_s for step in script.of(Read)] == [10.0, 6.0]


def test_wait_ends_in_time_while_the_engine_is_away() -> None:
    script = Script(
        [answer(200, order("routing", 2)), *[REFUSED] * 3, answer(200, order("routing", 2))], Patience(first_s=3)
    )
    assert isinstance(script.fails(wait(ID, 10, script.on)), TimedOut)
    assert sum(script.pauses) == pytest.approx(10.0)


def test_an_engine_that_tells_an_end_which_its_order_does_not_have_is_a_bad_answer() -> None:
    script = Script([answer(200, order("routing", 2)), OK, message(3, "failed"), answer(200, order("routing", 2))])
    assert isinstance(script.fails(wait(ID, 10, script.on)), BadAnswer)
