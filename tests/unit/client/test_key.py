"""A key goes to its engine with each request and socket, and nowhere else; what the engine makes of it is told."""

import logging
import pickle
import traceback
from typing import Any

import pytest

from bestfill_client import (
    Bestfill,
    Forbidden,
    Limited,
    NotAllowed,
    NotAuthorized,
    Patience,
    Refused,
    Unavailable,
    WrongArgument,
    calls,
)
from bestfill_client.following import AWAY_MAX_S, follow
from bestfill_client.sending import send, submit
from bestfill_client.steps import Closed, Opened
from bestfill_client.stream import Stream
from bestfill_client.transport import Transport
from tests.unit.client.script import ID, LOST, Script, accepted, messages, problem
from tests.unit.client.shells import Shell
from tests.unit.client.stub import says, streams, stub
from tests.unit.client.test_shells import ACCEPTED, PATIENCE, refused, told, view

KEY = "bf_0123456789ab_hunter2"
PAGE = b'{"orders":[],"limit":1,"offset":0,"total":0,"userSeq":0}'
OPEN = [Opened(), *messages(1, 2, 3, 4, 5)]


def test_the_key_goes_with_every_request_and_handshake_and_says_who_asks(shell: Shell) -> None:
    turns = [ACCEPTED, says(200, PAGE), says(200, PAGE), streams(*told(1), code=4401), view()]
    with stub(*turns) as engine, shell(engine.url, key=KEY) as client:
        client.submit("SOL", "USDC", 1)
        client.orders()
        with pytest.raises(NotAuthorized):
            list(client.watch_user())
        client.order(ID)
        assert [asked.header("authorization") for asked in engine.asked] == [f"Bearer {KEY}"] * 5
        assert b"userId" not in engine.asked[0].body
        lines = [asked.line.split()[1] for asked in engine.asked[1:]]
    listed = [f"/api/orders?limit={limit}&offset=0" for limit in (10, 1)]
    assert lines == [*listed, "/ws?since=0", f"/api/orders/{ID}"]


def test_a_user_is_still_named_if_one_is_given(shell: Shell) -> None:
    with stub(says(200, PAGE)) as engine, shell(engine.url, key=KEY, user_id="u") as client:
        client.orders()
        assert engine.asked[0].line.split()[1] == "/api/orders?userId=u&limit=10&offset=0"


def test_without_a_key_a_user_must_be_named(shell: Shell) -> None:
    with shell() as client:
        for call in (lambda: client.submit("SOL", "USDC", 1), client.orders, client.watch_user):
            with pytest.raises(WrongArgument, match="user_id is required without a key"):
                call()


@pytest.mark.parametrize(
    "url",
    ["http://engine.example", "http://10.0.0.1:3000", "http://0.0.0.0", "http://localhost.example", "http://[::2]"],
)
def test_a_key_does_not_go_over_plain_http_to_another_machine_unless_told(shell: Shell, url: str) -> None:
    with pytest.raises(ValueError, match="key must not go over plain http.*https.*insecure") as caught:
        shell(url, key=KEY)
    assert "hunter2" not in str(caught.value)
    with shell(url, key=KEY, insecure=True), shell(url):
        pass


@pytest.mark.parametrize("url", ["https://engine.example", "http://localhost:1", "http://127.3.2.1", "http://[::1]:1"])
def test_a_key_goes_where_nobody_else_can_read_it(shell: Shell, url: str) -> None:
    with shell(url, key=KEY):
        pass


@pytest.mark.parametrize("key", ["", "hunter2\r\nx: y", "hunter2 x", "hunter2ü", "hunter2\n", "hunter2" * 2_000, 5])
def test_what_is_no_key_is_refused_without_showing_it(key: Any) -> None:
    with pytest.raises(WrongArgument, match="key must") as caught:
        Bestfill(key=key)
    assert "hunter2" not in str(caught.value)


def test_a_key_and_a_header_in_its_place_contradict_each_other() -> None:
    with pytest.raises(WrongArgument, match="can't both be given"):
        Bestfill(key=KEY, headers={"Authorization": "Bearer other"})


def test_the_key_is_in_no_repr_no_log_and_no_error(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = refused(403, code="FORBIDDEN", detail="no")
    with stub(echo, echo, streams(code=4401)) as engine, shell(engine.url, key=KEY, patience=PATIENCE) as client:
        failures = (lambda: client.submit("SOL", "USDC", 1), lambda: list(client.watch(ID)))
        shown = [repr(client), repr(vars(client))]
        for fails in (*failures, failures[1]):
            with pytest.raises(NotAllowed) as caught:
                fails()
            error = caught.value
            told = traceback.TracebackException.from_exception(error, capture_locals=True)
            shown += [str(frame.locals) for frame in told.stack if "bestfill_client" in frame.filename]
            shown += [*told.format_exception_only(), repr(error)]
            shown += [str(vars(error)), str(pickle.dumps(error))]
        assert [asked.header("authorization") for asked in engine.asked] == [f"Bearer {KEY}"] * 3
    transport = Transport.build("http://localhost", None, None, trust_env=False, key=KEY)
    shown += [repr(transport), repr(transport.http()), repr(transport.socket(1))]
    shown += [record.getMessage() for record in caplog.records if record.name != "websockets.server"]  # the stub's
    assert len(shown) > 20 and "hunter2" not in "\n".join(shown)


def test_a_redirect_never_gets_the_key(shell: Shell) -> None:
    with stub(ACCEPTED) as evil:
        away = says(308, b"", "text/html", f"location: {evil.url}/x")
        with stub(away) as engine, shell(engine.url, key=KEY) as client:
            for fails in (client.queue_stats, lambda: list(client.watch(ID))):
                with pytest.raises(Exception, match="leads on to"):
                    fails()
        assert not evil.asked


@pytest.mark.parametrize(("status", "kind"), [(401, NotAuthorized), (403, Forbidden)])
def test_a_key_that_is_not_good_is_told_and_not_tried_again(shell: Shell, status: int, kind: type[Refused]) -> None:
    with stub(refused(status, code="NO", detail="it has ended")) as engine, shell(engine.url, key=KEY) as client:
        for call in (client.queue_stats, lambda: list(client.watch(ID))):
            with pytest.raises(kind, match="it has ended"):
                call()
        assert len(engine.asked) == 2


def test_a_rule_that_forbids_an_order_is_named(shell: Shell) -> None:
    denied = refused(403, code="POLICY_DENIED", detail="0.5 SOL at most", rule="BESTFILL_MAX_NOTIONAL\x1b")
    with stub(denied) as engine, shell(engine.url, key=KEY) as client:
        with pytest.raises(Forbidden) as caught:
            client.submit("SOL", "USDC", 1)
        assert (caught.value.rule, caught.value.in_doubt) == ("BESTFILL_MAX_NOTIONAL", False)
    script = Script([problem(403, "FORBIDDEN")])
    error = script.fails(send(calls.queue_stats(), script.on))
    assert isinstance(error, Forbidden) and error.rule is None


def busy(seconds: int) -> Any:
    return problem(429, "RATE_LIMITED", "too many requests", retry_after=str(seconds))


def place() -> Any:
    return calls.submit(None, "k", calls.swap("SOL", "USDC", "1", None, None, None, None))


def test_an_order_that_came_too_soon_is_sent_again_when_there_is_room() -> None:
    script = Script([busy(7), busy(2), accepted()])
    assert script.play(submit(place(), script.on)).order_id == ID
    assert script.pauses == [7.0, 2.0]


@pytest.mark.parametrize("seconds", [[1] * 5, [61], [30, 31]])
def test_there_is_an_end_to_it_and_nothing_is_in_doubt(seconds: list[int]) -> None:
    script = Script([busy(s) for s in seconds])
    error = script.fails(submit(place(), script.on))
    assert isinstance(error, Limited) and isinstance(error, Unavailable)
    assert (error.retry_after_s, error.in_doubt) == (seconds[-1], False)
    script = Script([LOST, *[busy(s) for s in seconds][-1:]], Patience(tries=2))
    assert script.fails(submit(place(), script.on)).in_doubt


@pytest.mark.parametrize("stream_s", [None, 60.0])
def test_a_stream_too_many_waits_for_its_turn_but_not_for_ever(stream_s: float | None) -> None:
    patience = Patience(stream_s=stream_s)
    script = Script([busy(3), busy(4), *OPEN], patience)
    script.play(follow(Stream(order_id=ID, since=0), script.on))
    assert script.pauses == [3.0, 4.0]
    for answers in ([busy(999_999_999)], [busy(1)] * patience.tries):
        script = Script(answers, patience)
        error = script.fails(follow(Stream(order_id=ID, since=2), script.on))
        assert isinstance(error, Limited) and error.since == 2
        assert sum(script.pauses) <= 60


def test_no_answer_has_a_stream_wait_for_longer_than_some_minutes() -> None:
    script = Script([problem(503, "NO", retry_after="999999999"), *OPEN], Patience(stream_s=None))
    script.play(follow(Stream(order_id=ID, since=0), script.on))
    assert script.pauses == [AWAY_MAX_S]


def test_a_stream_whose_key_has_ended_is_over() -> None:
    script = Script([Opened(), *messages(1, 2), Closed(4401, "the key was revoked")], Patience(stream_s=None))
    error = script.fails(follow(Stream(order_id=ID, since=0), script.on))
    assert isinstance(error, NotAuthorized)
    assert (error.since, error.code, error.detail) == (2, "UNAUTHORIZED", "the key was revoked")
