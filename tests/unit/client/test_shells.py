"""Both shells on real sockets: what they send, what they make of answers that are lost, late, long or strange."""

import json
from typing import Any

import msgspec
import pytest

from bestfill_client import (
    BadAnswer,
    NotFound,
    NotValid,
    Patience,
    Refused,
    TimedOut,
    Unavailable,
    Unreachable,
    WrongArgument,
)
from tests.unit.client.script import ID, event, order
from tests.unit.client.shells import Shell
from tests.unit.client.stub import Turn, drips, drops, floods, keeps_silent, says, sends, streams, stub

PATIENCE = Patience(tries=3, total_s=20, first_s=0.001, longest_s=0.01, stream_s=2)
ACCEPTED = says(202, json.dumps({"orderId": ID, "wsUrl": "//evil", "status": "pending", "createdAt": "t"}).encode())


def told(*seqs: int, **fields: Any) -> list[str]:
    return [msgspec.json.encode(event(seq, **fields)).decode() for seq in seqs]


def view(*args: Any, **fields: Any) -> Turn:
    return says(200, msgspec.json.encode(order(*args, **fields)))


def refused(status: int, **fields: Any) -> Turn:
    return says(status, msgspec.json.encode({"status": status} | fields), "application/problem+json")


@pytest.mark.parametrize(
    "trouble",
    [drops, sends(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"), sends(b"\0\1\2"), says(502, b"", "text/html")],
)
def test_an_order_whose_answer_is_lost_is_sent_again_byte_for_byte(shell: Shell, trouble: Turn) -> None:
    with stub(trouble, trouble, ACCEPTED) as engine, shell(engine.url, user_id="u", patience=PATIENCE) as client:
        accepted = client.submit("SOL", "USDC", "1.5", min_amount_out=140)
        bodies = [asked.body for asked in engine.asked]
        keys = {asked.header("idempotency-key") for asked in engine.asked}
    assert bodies == [b'{"tokenIn":"SOL","tokenOut":"USDC","amountIn":"1.5","minAmountOut":"140","userId":"u"}'] * 3
    assert keys == {accepted.idempotency_key}
    assert {asked.header("content-type") for asked in engine.asked} == {"application/json"}
    assert {asked.line for asked in engine.asked} == {"POST /api/orders/execute HTTP/1.1"}


def test_an_order_without_any_answer_is_in_doubt_and_one_never_sent_is_not(shell: Shell) -> None:
    with stub(drops) as engine, shell(engine.url, user_id="u", patience=PATIENCE) as client:
        with pytest.raises(Unreachable) as caught:
            client.submit("SOL", "USDC", 1, idempotency_key="mine")
        assert (caught.value.in_doubt, caught.value.idempotency_key, len(engine.asked)) == (True, "mine", 3)
        engine.stop()
        with pytest.raises(Unreachable, match="Connection refused") as caught:
            client.submit("SOL", "USDC", 1, idempotency_key="mine")
        assert not caught.value.in_doubt


@pytest.mark.parametrize("stuck", [keeps_silent, drips])
def test_an_answer_that_takes_too_long_is_given_up(shell: Shell, stuck: Turn) -> None:
    patience = Patience(tries=2, first_s=0.001)
    with stub(stuck) as engine, shell(engine.url, timeout_s=0.3, patience=patience) as client:
        with pytest.raises(Unreachable, match="it takes too long"):
            client.queue_stats()
        assert len(engine.asked) == 2


def test_an_answer_without_end_is_not_read_to_its_end(shell: Shell) -> None:
    with stub(floods) as engine, shell(engine.url, timeout_s=20, patience=PATIENCE) as client:
        with pytest.raises(BadAnswer, match="too long"):
            client.queue_stats()
        assert len(engine.asked) == 1


def test_no_redirect_is_followed(shell: Shell) -> None:
    with stub(ACCEPTED) as evil:
        away = says(307, b"", "text/html", f"location: {evil.url}/ws/x")
        with (
            stub(away) as engine,
            shell(engine.url, user_id="u", headers={"authorization": "Bearer hunter2"}) as client,
        ):
            with pytest.raises(BadAnswer, match="the address leads on to"):
                client.submit("SOL", "USDC", 1)
            with pytest.raises(BadAnswer, match="the address leads on to"):
                list(client.watch(ID))
            assert [asked.header("authorization") for asked in engine.asked] == ["Bearer hunter2"] * 2
        assert not evil.asked


def test_a_refusal_tells_each_field(shell: Shell) -> None:
    errors = [{"field": "amountIn", "message": "must be more than 0"}, {"field": "tokenOut", "message": "is unknown"}]
    with (
        stub(refused(400, code="VALIDATION_ERROR", detail="two", errors=errors)) as engine,
        shell(engine.url, user_id="u") as client,
        pytest.raises(NotValid) as caught,
    ):
        client.submit("SOL", "USDC", 0)
    assert caught.value.field_errors == {"amountIn": "must be more than 0", "tokenOut": "is unknown"}
    assert (caught.value.status, caught.value.code, caught.value.detail) == (400, "VALIDATION_ERROR", "two")


def test_ready_asks_once(shell: Shell) -> None:
    with stub(refused(503, code="NOT_READY", detail="no answer from: store")) as engine, shell(engine.url) as client:
        with pytest.raises(Unavailable, match="no answer from: store"):
            client.ready()
        assert len(engine.asked) == 1


def test_the_address_may_have_a_path_and_be_ipv6(shell: Shell) -> None:
    with stub(view(), streams(*told(1, 2, 3, 4, 5)), host="::1") as engine, shell(f"{engine.url}/trade/") as client:
        assert client.order(ID).id == ID
        assert [e.seq for e in client.watch(ID)] == [1, 2, 3, 4, 5]
        assert [asked.line.split()[1] for asked in engine.asked] == [
            f"/trade/api/orders/{ID}",
            f"/trade/ws/{ID}?since=0",
        ]


def test_a_story_is_whole_over_cuts_restarts_repeats_and_gaps(shell: Shell) -> None:
    turns = [
        drops, says(503, b"", "text/html"), streams(code=1012, reason="stopping"), streams(*told(1, 2), code=None),
        streams(*told(1, 2, 4)), streams(*told(3), code=1013), streams(*told(3, 4)), view("submitted", 4),
        streams(code=1000), view("confirmed", 5), streams(*told(5)),
    ]  # fmt: skip
    with stub(*turns) as engine, shell(engine.url, patience=PATIENCE) as client:
        events = list(client.watch(ID))
    assert [e.seq for e in events] == [1, 2, 3, 4, 5]
    assert [asked.line.split()[1].rpartition("=")[2] for asked in engine.asked if "/ws/" in asked.line] == list(
        "000022344"
    )


def test_the_end_is_the_end_even_if_the_server_goes_on(shell: Shell) -> None:
    with (
        stub(streams(*told(1), *told(2, status="failed"), *told(3, 4), code=None)) as engine,
        shell(engine.url) as client,
    ):
        assert [e.status for e in client.watch(ID)] == ["pending", "failed"]
        assert len(engine.asked) == 1


@pytest.mark.parametrize(("code", "kind"), [(4404, NotFound), (4400, NotValid), (4403, Refused)])
def test_a_stream_that_is_refused_is_told_with_its_reason(shell: Shell, code: int, kind: type[Refused]) -> None:
    with stub(streams(code=code, reason="no, since …")) as engine, shell(engine.url) as client:
        with pytest.raises(kind, match="no, since …"):
            list(client.watch(ID))
        assert len(engine.asked) == 1


@pytest.mark.parametrize("bad", ["?", b"\xff", "x" * 1_100_000])
def test_nonsense_on_a_stream_ends_it_after_three_times(shell: Shell, bad: str | bytes) -> None:
    with stub(streams(*told(1), bad)) as engine, shell(engine.url, patience=PATIENCE) as client:
        stream = client.watch(ID)
        assert next(stream).seq == 1
        with pytest.raises(BadAnswer) as caught:
            list(stream)
        assert (caught.value.since, len(engine.asked)) == (1, 3)


def test_a_page_where_the_stream_should_be_is_a_bad_answer(shell: Shell) -> None:
    with (
        stub(says(200, b"<h1>", "text/html")) as engine,
        shell(engine.url) as client,
        pytest.raises(BadAnswer, match="no bestfill engine"),
    ):
        list(client.watch(ID))


def test_a_stream_that_nothing_comes_of_is_given_up(shell: Shell) -> None:
    patience = Patience(first_s=0.01, longest_s=0.01, stream_s=0.1)
    with stub(streams(*told(1, 2), code=None), drops) as engine, shell(engine.url, patience=patience) as client:
        stream = client.watch(ID)
        assert [next(stream).seq, next(stream).seq] == [1, 2]
        with pytest.raises(Unreachable) as caught:
            next(stream)
    assert caught.value.since == 2


def test_arguments_are_checked_at_the_call_and_not_at_the_first_event(shell: Shell) -> None:
    with stub(drops) as engine, shell(engine.url, user_id="u") as client:
        for call in (
            lambda: client.watch("x"),
            lambda: client.watch(ID, since=-1),
            lambda: client.watch_user(since=-1),
        ):
            with pytest.raises(WrongArgument):
                call()
        with pytest.raises(WrongArgument, match="timeout_s"):
            shell(engine.url, timeout_s=0)
        assert not engine.asked


def test_a_stream_left_early_closes_its_connection(shell: Shell) -> None:
    with stub(streams(*told(1, 2), code=4999)) as engine, shell(engine.url) as client:
        stream = client.watch(ID)
        assert next(stream).seq == 1
        stream.close()
        assert list(stream) == []


def test_wait_gives_up_in_time_and_gives_the_order_in_time(shell: Shell) -> None:
    with (
        stub(view("routing", 2), keeps_silent, view("routing", 2)) as engine,
        shell(engine.url) as client,
        pytest.raises(TimedOut, match=f"order {ID} is still routing after 0.3 s"),
    ):
        client.wait(ID, timeout_s=0.3)
    turns = [view("routing", 2), streams(*told(3), code=None), streams(*told(4, 5)), view("confirmed", 5)]
    with stub(*turns) as engine, shell(engine.url, patience=PATIENCE) as client:
        assert client.wait(ID, timeout_s=20).status == "confirmed"


def test_a_user_is_followed_from_the_call_on_over_a_cut(shell: Shell) -> None:
    page = {"orders": [], "limit": 1, "offset": 0, "total": 0, "userSeq": 7}
    turns = [
        says(200, json.dumps(page).encode()), streams(code=None), streams(*told(1, user_seq=8), *told(2, user_seq=9)),
        streams(code=4400),
    ]  # fmt: skip
    with stub(*turns) as engine, shell(engine.url, user_id="a/ü", patience=PATIENCE) as client:
        stream = client.watch_user()
        assert [next(stream).user_seq, next(stream).user_seq] == [8, 9]
        with pytest.raises(NotValid):
            next(stream)
        asked = [asked.line.split()[1] for asked in engine.asked]
    assert asked == [
        "/api/orders?userId=a%2F%C3%BC&limit=1&offset=0", *[f"/ws?userId=a%2F%C3%BC&since={n}" for n in (7, 7, 9)],
    ]  # fmt: skip


def test_one_proxy_is_used_for_http_and_for_sockets(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(view(), says(502, b"", "text/plain")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with shell("http://engine.example", patience=Patience(tries=1, stream_s=0)) as client:
            assert client.order(ID).id == ID
            with pytest.raises(Unreachable):
                list(client.watch(ID))
        assert [asked.line.split()[:2] for asked in proxy.asked] == [
            ["GET", f"http://engine.example/api/orders/{ID}"],
            ["CONNECT", "engine.example:80"],
        ]
