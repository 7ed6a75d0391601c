"""What nodes may send instead of an answer: each is a clear error, and nothing of it is shown."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from bestfill.errors import NetworkUnavailable
from bestfill.testing.clock import ManualClock
from bestfill.units import base58_encode
from bestfill_adapters.solana.rpc import Rpc
from tests.unit.adapters.solana.nodes import (
    SECRET,
    Node,
    Refusal,
    account,
    address,
    as_of,
    blockhash,
    never,
    rpc,
    signature,
    status,
    until,
)
from tests.unit.adapters.solana.test_rpc import TRANSACTION, epoch, executed
from tools.documents.house import run

CALLS: dict[str, Callable[[Rpc], Any]] = {
    "getMultipleAccounts": lambda client: client.accounts([address(1)], 40),
    "getLatestBlockhash": lambda client: client.blockhash(40),
    "simulateTransaction": lambda client: client.simulate(TRANSACTION, 40),
    "sendTransaction": lambda client: client.send(TRANSACTION),
    "getSignatureStatuses": lambda client: client.statuses([signature(3)]),
    "getEpochInfo": lambda client: client.height(),
    "getTransaction": lambda client: client.executed(signature(3)),
    "getRecentPrioritizationFees": lambda client: client.priority_fees([address(1)]),
}
EVERY = pytest.mark.parametrize("method", CALLS)


async def refused(method: str, answer: Any, **settings: Any) -> str:
    """Ask, and give the error; it must be plain, and show nothing that came from outside."""
    with pytest.raises(NetworkUnavailable) as caught:
        await CALLS[method](rpc(Node(**{method: answer}), **settings))
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    assert SECRET not in str(error) and error.reason.startswith("endpoint 1 of 1 ")
    return error.reason


async def raw(method: str, content: bytes | Callable[[int], bytes], status_code: int = 200, **headers: str) -> str:
    """Answer with these bytes, made from the question's id."""

    def answer(request: httpx.Request) -> httpx.Response:
        number = json.loads(request.content)["id"]
        body = content(number) if callable(content) else content
        return httpx.Response(status_code, content=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    client = Rpc([f"https://{SECRET}.example"], ManualClock(), transport=httpx.MockTransport(answer))
    with pytest.raises(NetworkUnavailable) as caught:
        await CALLS[method](client)
    assert SECRET not in str(caught.value) and caught.value.__context__ is None
    return caught.value.reason


def result(text: bytes) -> Callable[[int], bytes]:
    return lambda number: b'{"jsonrpc":"2.0","id":%d,"result":%s}' % (number, text)


def error(text: bytes) -> Callable[[int], bytes]:
    return lambda number: b'{"jsonrpc":"2.0","id":%d,"error":%s}' % (number, text)


DEEP = b"[" * 200_000
PAGES: list[tuple[bytes | Callable[[int], bytes], str]] = [
    (b"<html>hunter2</html>", "answered HTML instead of JSON-RPC"),
    (b"  \r\n<!doctype html>hunter2", "answered HTML instead of JSON-RPC"),
    (b"", "answered nothing instead of JSON-RPC"),
    (b"hunter2", "answered something else instead of JSON-RPC"),
    (b"\xff\xfe{}", "instead of JSON-RPC"),
    (b'[{"jsonrpc":"2.0"}]', "instead of JSON-RPC"),
    (b"null", "instead of JSON-RPC"),
    (result(b'{"hunter2":'), "instead of JSON-RPC"),
    (result(b'"hunter2'), "instead of JSON-RPC"),
    (result(b"NaN"), "instead of JSON-RPC"),
    (result(b"1}{"), "instead of JSON-RPC"),
    (result(DEEP + b"]" * len(DEEP)), "more than 16 KB"),
    (result(DEEP[:8_000] + b"]" * 8_000), "instead of JSON-RPC|something else"),
    (result(DEEP[:8_000]), "instead of JSON-RPC"),
    (lambda number: b'{"jsonrpc":"2.0","id":%d,"result":1}' % (number + 1), "answered another question"),
    (lambda number: b'{"jsonrpc":"2.0","id":"%d","result":1}' % number, "instead of JSON-RPC"),
    (lambda number: b'{"jsonrpc":"2.0","id":%d.0,"result":1}' % number, "instead of JSON-RPC"),
    (lambda _: b'{"jsonrpc":"2.0","id":null,"result":1}', "instead of JSON-RPC"),
    (lambda number: b'{"jsonrpc":"1.0","id":%d,"result":1}' % number, "instead of JSON-RPC"),
    (lambda number: b'{"id":%d,"result":1}' % number, "instead of JSON-RPC"),
    (lambda number: b'{"jsonrpc":"2.0","id":%d}' % number, "something else than it should"),
    (error(b'"hunter2"'), "an error that is none of JSON-RPC"),
    (error(b'{"code":"hunter2"}'), "an error that is none of JSON-RPC"),
    (error(b'{"code":1.5}'), "an error that is none of JSON-RPC"),
    (error(b'{"code":1e400}'), "none of JSON-RPC"),
    (error(b'{"code":1%s}' % (b"0" * 25)), "code out of range"),
    (lambda number: b'{"jsonrpc":"2.0","id":%d,"result":1,"error":{"code":-32005}}' % number, "behind the chain"),
    (lambda number: b'{"id":%d,"jsonrpc":"2.0","result":1,"id":0}' % number, "answered another question"),
]


@pytest.mark.parametrize(("content", "reason"), PAGES)
async def test_what_is_no_answer_is_named_without_being_shown(content: Any, reason: str):
    assert re.search(reason, await raw("getEpochInfo", content))


@EVERY
@pytest.mark.parametrize(
    "text",
    [
        *("true", "-1", "0.5", "1e400", "1" + "0" * 30, '"hunter2"', '"\\ud800hunter2"', '"\xe9\xff"', "[]", "{}"),
        *("[null]", "[[]]", '{"context":null,"value":null}', '{"context":{"slot":50},"value":null}'),
        *('{"context":{"slot":50},"value":{}}', '{"context":{"slot":50},"value":[]}', '{"context":{"slot":50}}'),
        *('{"context":{"slot":50},"value":[{}]}', '{"context":{"slot":50},"value":[1]}'),
    ],
)
async def test_a_result_of_another_shape_is_refused_by_every_call(method: str, text: str):
    if (method, text) == ("getRecentPrioritizationFees", "[]"):
        return  # there may be none
    reason = await raw(method, result(text.encode("latin-1")))
    assert method in reason or "instead of JSON-RPC" in reason or "getBlock" in reason


NUMBERS = [True, False, -1, 0.0, 1.0, "1", None, 10**30, 2**63, 2**64, [1], {}]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
async def test_numbers_must_be_whole_and_in_range_wherever_they_stand(number: Any):
    answers: list[tuple[str, Any]] = [
        ("getMultipleAccounts", as_of(number, [account()])),
        ("getLatestBlockhash", blockhash(slot=number)),
        ("getLatestBlockhash", blockhash(last=number)),
        ("simulateTransaction", as_of(number, {"err": None, "logs": [], "unitsConsumed": 1})),
        ("simulateTransaction", as_of(50, {"err": None, "logs": [], "unitsConsumed": number})),
        ("getSignatureStatuses", as_of(number, [status()])),
        ("getSignatureStatuses", as_of(50, [status(slot=number)])),
        ("getEpochInfo", epoch(number, 2**63 - 1)),
        ("getEpochInfo", epoch(0, number)),
        ("getTransaction", executed() | {"slot": number}),
        ("getTransaction", executed(fee=number)),
    ]
    if number != 2**63:  # amounts go up to 2⁶⁴ − 1
        answers += [
            ("getMultipleAccounts", as_of(50, [account(lamports=number)])),
            ("getTransaction", executed(preBalances=[number, 1])),
            ("getTransaction", executed(postBalances=[1, number])),
            ("getRecentPrioritizationFees", [{"slot": 1, "prioritizationFee": number}]),
        ]
    for method, answer in answers:
        assert method in await refused(method, answer)


@pytest.mark.parametrize(
    "wrong",
    [
        account(owner=5),
        account(owner=None),
        account(owner="0OIl"),
        account(owner="é" * 40),
        account(owner=base58_encode(b"\1" * 31)),
        account(owner=base58_encode(b"\1" * 33)),
        account(owner="1" * 5_000),
        account() | {"data": "AAAA"},
        account() | {"data": ["AAAA", "base58"]},
        account() | {"data": ["AAAA"]},
        account() | {"data": ["AAAA", "base64", ""]},
        account() | {"data": ["AAA", "base64"]},
        account() | {"data": ["A A=", "base64"]},
        account() | {"data": ["_-AA", "base64"]},
        account() | {"data": {"parsed": {}}},
        account() | {"data": None},
        {"lamports": 1},
    ],
    ids=range(17),
)
async def test_an_account_that_is_none_is_refused(wrong: dict[str, Any]):
    assert "getMultipleAccounts" in await refused("getMultipleAccounts", as_of(50, [wrong]))


@pytest.mark.parametrize("count", [0, 2, 300])
async def test_a_list_of_another_length_than_was_asked_for_is_refused(count: int):
    assert "as many accounts" in await refused("getMultipleAccounts", as_of(50, [account()] * count))
    assert "as many statuses" in await refused("getSignatureStatuses", as_of(50, [status()] * count))


@pytest.mark.parametrize("err", ["x" * 2_000, [[[[]]]] * 500, {"a" * 1_500: 1}])
async def test_an_error_of_the_chain_that_is_too_long_is_refused(err: Any):
    assert "none of the chain" in await refused("getSignatureStatuses", as_of(50, [status(err=err)]))


async def test_an_outcome_that_is_left_out_is_not_taken_for_success():
    for method, answer in (
        ("getSignatureStatuses", as_of(50, [{"slot": 7, "confirmationStatus": "finalized"}])),
        ("simulateTransaction", as_of(50, {"logs": [], "unitsConsumed": 5})),
        ("simulateTransaction", as_of(50, {"err": None, "logs": []})),
        ("getTransaction", executed() | {"meta": None}),
        ("getTransaction", executed() | {"meta": {k: v for k, v in executed()["meta"].items() if k != "err"}}),
        ("getTransaction", executed(postTokenBalances=None)),
    ):
        assert method in await refused(method, answer)


@pytest.mark.parametrize(
    "change",
    [
        {"accountIndex": 2},
        {"accountIndex": True},
        {"mint": "x"},
        {"owner": None},
        {"uiTokenAmount": {"amount": "-1"}},
        {"uiTokenAmount": {"amount": "01"}},
        {"uiTokenAmount": {"amount": "1.0"}},
        {"uiTokenAmount": {"amount": "٣"}},
        {"uiTokenAmount": {"amount": str(2**64)}},
        {"uiTokenAmount": {"amount": 5}},
        {"uiTokenAmount": {}},
    ],
)
async def test_a_token_balance_that_is_none_is_refused(change: dict[str, Any]):
    (good,) = executed()["meta"]["postTokenBalances"]
    assert "getTransaction" in await refused("getTransaction", executed(postTokenBalances=[good | change]))


@pytest.mark.parametrize("transaction", [["", "base64"], ["AAAA", "base64"], "AAAA", ["%%%%", "base64"]])
async def test_bytes_that_are_no_transaction_are_refused(transaction: Any):
    assert "getTransaction" in await refused("getTransaction", executed() | {"transaction": transaction})


async def test_a_slot_before_the_one_asked_for_is_behind():
    assert "39, which is before 40" in await refused("getMultipleAccounts", as_of(39, [account()]))
    assert "is behind" in await refused("getLatestBlockhash", blockhash(last=150, slot=39))
    told = {"err": None, "logs": [], "unitsConsumed": 1}
    assert "is behind" in await refused("simulateTransaction", as_of(39, told))


async def test_a_height_above_its_slot_is_refused():
    assert "above its slot" in await refused("getEpochInfo", epoch(101, 100))


@EVERY
async def test_no_method_takes_more_than_it_can_need(method: str):
    reason = await raw(method, result(b'"' + b"A" * 10_000_000 + b'"'))
    assert f"answered {method} with more than " in reason


async def test_a_body_without_end_is_cut_off_as_it_comes():
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    reason = await refused("getEpochInfo", lambda *_: httpx.Response(200, content=endless()))
    assert "more than 16 KB" in reason and sent == 65_536


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "identity, gzip"])
async def test_a_compressed_answer_is_not_unpacked(encoding: str):
    async def bomb() -> AsyncIterator[bytes]:
        yield gzip.compress(b"\0" * 10_000_000)

    answer = httpx.Response(200, content=bomb(), headers={"Content-Encoding": encoding})
    assert "compressed" in await refused("getEpochInfo", answer)


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(code: int):
    reason = await raw("getEpochInfo", b"", code, Location=f"https://{SECRET}.example/")
    assert reason == f"endpoint 1 of 1 answered with HTTP {code}, a redirect, which is not followed"


@pytest.mark.parametrize("code", [201, 204, 400, 401, 403, 404, 413, 500, 502, 503, 599])
async def test_any_other_http_status_is_told_by_its_number(code: int):
    assert await raw("getEpochInfo", b"hunter2", code) == f"endpoint 1 of 1 answered with HTTP {code}"


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (-32005, "(code -32005: it is behind the chain, or unhealthy)"),
        (-32016, "(code -32016: it is behind the slot that is asked for)"),
        (429, "(code 429: it is asked too often)"),
        (-32602, "(code -32602: it does not take these parameters)"),
        (12345, "(code 12345)"),
    ],
)
async def test_a_refusal_is_told_by_its_code_without_its_message(code: int, meaning: str):
    reason = await refused("getEpochInfo", Refusal(code))
    assert reason == f"endpoint 1 of 1 refused getEpochInfo {meaning}"


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError(SECRET),
        httpx.RemoteProtocolError(SECRET),
        httpx.InvalidURL(SECRET),
        UnicodeDecodeError("ascii", b"hunter2", 0, 1, SECRET),
        RecursionError(SECRET),
        OSError(SECRET),
        ExceptionGroup(SECRET, [ValueError(SECRET)]),
        TimeoutError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_the_libraries_raise_is_told_by_its_kind(error: Exception):
    assert await refused("getEpochInfo", error) == f"endpoint 1 of 1 could not be reached ({type(error).__name__})"


@pytest.mark.parametrize("silent", ["at once", "after a while"])
async def test_a_node_that_never_ends_its_answer_is_given_up(silent: str):
    async def drip() -> AsyncIterator[bytes]:
        yield b'{"jsonrpc"'
        await never()

    answer = never if silent == "at once" else lambda *_: httpx.Response(200, content=drip())
    assert await refused("getEpochInfo", answer, try_s=0.02) == "endpoint 1 of 1 did not answer within 0.02 s"


def test_all_tries_together_are_bounded():
    client = rpc(Node(getEpochInfo=never), Node(getEpochInfo=never), try_s=0.02, call_s=0.03)
    with pytest.raises(NetworkUnavailable) as caught:
        run(client.height())  # in a time of its own: 10 ms are too short a time on a busy machine
    first = "endpoint 1 of 2 did not answer within 0.02 s"
    assert caught.value.reason == f"{first}; no other answer within 0.03 s"
    assert caught.value.__context__ is None


@EVERY
async def test_a_cancellation_is_the_callers_own(method: str):
    node = Node(**{method: never})
    call = asyncio.create_task(CALLS[method](client := rpc(node)))
    await until(lambda: bool(node.asked))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await client.close()
