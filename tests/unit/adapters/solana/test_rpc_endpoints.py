"""Which endpoint is asked, how often, and what becomes of one that fails."""

import asyncio
import base64
import logging
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from bestfill.errors import NetworkUnavailable
from bestfill.quote import Height
from bestfill.testing.clock import ManualClock
from bestfill_adapters.solana.rpc.pace import Pace
from tests.unit.adapters.solana.nodes import (
    OTHER_CHAIN,
    SECRET,
    Node,
    Refusal,
    account,
    address,
    as_of,
    blockhash,
    in_turn,
    never,
    rpc,
    signature,
    until,
)
from tests.unit.adapters.solana.test_rpc import TRANSACTION, epoch

WELL, WELL_TOO = epoch(1, 1), epoch(2, 2)
DOWN = httpx.Response(503)
ONE, TWO = Height(1, 1), Height(2, 2)


@pytest.mark.parametrize(
    "trouble",
    [httpx.ConnectError(SECRET), DOWN, httpx.Response(429), b"<html>", Refusal(-32005), Refusal(-32016), Refusal(1)],
    ids=str,
)
async def test_the_next_endpoint_is_asked_when_one_gives_no_answer(trouble: Any):
    client = rpc(Node(getEpochInfo=trouble), Node(getEpochInfo=WELL_TOO))
    assert await client.height() == TWO


async def test_the_next_endpoint_is_asked_when_one_never_answers():
    client = rpc(Node(getEpochInfo=never), Node(getEpochInfo=WELL_TOO), try_s=0.02)
    assert await client.height() == TWO


async def test_the_next_endpoint_is_asked_when_one_is_behind():
    behind, ahead = as_of(39, [account(b"old")]), as_of(40, [account(b"new")])
    client = rpc(Node(getMultipleAccounts=behind), Node(getMultipleAccounts=ahead))
    read = await client.accounts([address(1)], 40)
    assert read.slot == 40 and read.accounts[address(1)].data == b"new"  # pyright: ignore[reportOptionalMemberAccess]


async def test_a_blockhash_older_than_what_another_calls_final_is_not_taken():
    first = Node(getEpochInfo=DOWN, getLatestBlockhash=blockhash(last=349, slot=250))
    second = Node(getEpochInfo=epoch(200, 220), getLatestBlockhash=blockhash(last=360, slot=260))
    clock = ManualClock()
    client = rpc(first, second, clock=clock)
    await client.height()
    clock.advance(60_000)  # the first is well again, as far as is known
    assert (await client.blockhash()).last_valid_block_height == 360
    assert first.times("getLatestBlockhash") == 1


async def test_every_failure_is_told_when_all_fail():
    client = rpc(Node(getEpochInfo=DOWN), Node(getEpochInfo=b"<html>"))
    with pytest.raises(NetworkUnavailable) as caught:
        await client.height()
    assert caught.value.reason == (
        "endpoint 1 of 2 answered with HTTP 503; endpoint 2 of 2 answered HTML instead of JSON-RPC"
    )


async def test_one_that_fails_rests_for_longer_each_time_and_is_then_tried_again():
    clock, bad = ManualClock(), Node(getEpochInfo=DOWN)
    client = rpc(bad, Node(getEpochInfo=WELL_TOO), clock=clock)
    rests: list[int] = []
    for _ in range(8):
        tried = bad.times("getEpochInfo")
        await client.height()
        assert bad.times("getEpochInfo") == tried + 1
        for rested in range(0, 40_000, 100):
            await client.height()
            if bad.times("getEpochInfo") > tried + 1:
                rests.append(rested)
                break
            clock.advance(100)
        else:
            pytest.fail("it was never tried again")
        # That look failed too, so the rest that follows is the next one's.
        bad.asked.clear()
        clock.advance(40_000)
    assert rests == sorted(rests) and 0 < rests[0] <= 1_000 and rests[-1] == 30_000


async def test_one_that_works_again_is_preferred_again_and_forgiven():
    clock = ManualClock()
    node = Node(getEpochInfo=in_turn(DOWN, DOWN, WELL, DOWN, WELL))
    client = rpc(node, Node(getEpochInfo=WELL_TOO), clock=clock)
    seen: list[Height] = []
    for wait_ms in (0, 1_000, 5_000, 0, 600):
        clock.advance(wait_ms)
        seen.append(await client.height())
    assert seen == [TWO, TWO, ONE, TWO, ONE]


async def test_while_one_request_finds_out_whether_it_is_well_again_the_others_go_elsewhere():
    clock = ManualClock()
    bad = Node(getMultipleAccounts=in_turn(DOWN, never()))
    client = rpc(bad, Node(getMultipleAccounts=as_of(5, [None])), clock=clock)
    await client.accounts([address(1)])
    clock.advance(1_000)
    looks = asyncio.create_task(client.accounts([address(1)]))
    await until(lambda: bad.times("getMultipleAccounts") == 2)
    for _ in range(3):
        await client.accounts([address(1)])
    assert bad.times("getMultipleAccounts") == 2
    looks.cancel()


async def test_the_only_endpoint_is_asked_though_it_should_rest():
    client = rpc(Node(getEpochInfo=in_turn(DOWN, WELL)))
    with pytest.raises(NetworkUnavailable):
        await client.height()
    assert await client.height() == ONE


@pytest.mark.parametrize(("waited_ms", "asked_again"), [(900, 2), (1_000, 1)])
async def test_one_that_is_given_up_on_after_long_counts_as_failing(waited_ms: int, asked_again: int):
    clock = ManualClock()
    slow = Node(getRecentPrioritizationFees=in_turn(never(), []))
    client = rpc(slow, Node(getRecentPrioritizationFees=[]), clock=clock)
    call = asyncio.create_task(client.priority_fees([address(1)]))
    await until(lambda: slow.times("getRecentPrioritizationFees") == 1)
    clock.advance(waited_ms)
    call.cancel()
    await asyncio.wait([call])
    await client.priority_fees([address(1)])
    assert slow.times("getRecentPrioritizationFees") == asked_again


async def test_resends_go_to_one_endpoint_after_the_other():
    other = bytes([1]) + (4).to_bytes(64, "big")
    texts = {
        base64.b64encode(sent).decode(): name for sent, name in ((TRANSACTION, signature(3)), (other, signature(4)))
    }
    nodes = [Node(sendTransaction=lambda text, _: texts[text]) for _ in range(3)]
    client = rpc(*nodes)
    for _ in range(3):
        await client.send(TRANSACTION)
        await client.send(other)
    for node in nodes:
        assert sorted(params[0] for method, params in node.asked if method == "sendTransaction") == sorted(texts)


async def test_endpoints_of_another_chain_than_the_first_that_answers_are_not_believed():
    stranger = Node(getGenesisHash=OTHER_CHAIN, getEpochInfo=WELL_TOO)
    client = rpc(Node(getEpochInfo=in_turn(WELL, DOWN)), stranger)
    assert await client.height() == ONE
    with pytest.raises(NetworkUnavailable, match="endpoint 2 of 2 is on another chain than the others"):
        await client.height()
    assert stranger.times("getEpochInfo") == 0


async def test_each_endpoint_is_asked_for_its_chain_once_and_a_lone_one_never():
    alone, first, second = Node(getEpochInfo=WELL), Node(getEpochInfo=WELL), Node(getEpochInfo=WELL)
    client, clients = rpc(alone), rpc(first, second)
    for _ in range(2):
        await client.height()
        await clients.height()
    assert [node.times("getGenesisHash") for node in (alone, first, second)] == [0, 1, 0]


@pytest.mark.parametrize("per_s", [1, 3, 10])
def test_no_second_sees_more_requests_than_it_may(per_s: int):
    pace, now, turns = Pace(per_s), 0, []
    for step in (0, 0, 1, 7, 300, 0, 0, 0, 450, 2, 999, 0, 1, 1, 1) * 5:
        now += step
        turns.append(pace.reserve(now))
        now = max(now, turns[-1])
    for begin in turns:
        assert sum(begin <= turn < begin + 1_000 for turn in turns) <= per_s


def test_a_clock_that_is_set_back_holds_nobody_up():
    pace = Pace(2)
    for _ in range(2):
        pace.reserve(1_000_000)
    assert pace.next(1_000_000) == 1_001_000
    assert pace.next(500_000) == 500_000


async def test_a_clock_that_is_set_back_ends_what_an_endpoint_was_asked_to_wait():
    clock = ManualClock()
    busy = Node(getEpochInfo=in_turn(httpx.Response(429, headers={"Retry-After": "30"}), WELL))
    client = rpc(busy, clock=clock)
    with pytest.raises(NetworkUnavailable):
        await client.height()
    clock.advance(-3_600_000)
    assert await client.height() == ONE


async def test_more_than_it_may_be_asked_goes_to_the_next_endpoint():
    first, second = (Node(getMultipleAccounts=as_of(5, [None])) for _ in range(2))
    client = rpc(first, second, per_s=4)
    for n in range(6):
        await client.accounts([address(n)])
    # One request of each goes to find out which chain it is on.
    assert [node.times("getMultipleAccounts") for node in (first, second)] == [3, 3]


async def test_one_endpoint_that_may_not_be_asked_yet_is_waited_for():
    clock = ManualClock(auto=True)
    node = Node(getMultipleAccounts=as_of(5, [None]))
    client, began = rpc(node, clock=clock, per_s=2), clock.now()
    for n in range(5):
        await client.accounts([address(n)])
    assert node.times("getMultipleAccounts") == 5
    assert clock.now() == began + 2_000


async def test_a_wait_without_end_is_refused_with_the_setting_to_mend():
    clock = ManualClock()
    client = rpc(Node(getRecentPrioritizationFees=[]), clock=clock, per_s=1)
    await client.priority_fees([address(1)])
    waiting = [asyncio.create_task(client.priority_fees([address(2)])) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(NetworkUnavailable, match="can't be asked for another 4000 ms; BESTFILL_SOLANA_RPC_PER_S"):
        await client.priority_fees([address(3)])
    for _ in waiting:
        clock.advance(1_000)
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == [()] * 3


async def test_what_waits_for_its_turn_is_read_together_and_parted_again():
    clock = ManualClock()
    node = Node(getMultipleAccounts=lambda asked, _: as_of(5, [None] * len(asked)))
    client = rpc(node, clock=clock, per_s=1)
    await client.accounts([address(1)])
    waiting = [asyncio.create_task(client.accounts([address(n), address(2)])) for n in (3, 4)]
    await asyncio.sleep(0)
    clock.advance(1_000)
    one, other = await asyncio.gather(*waiting)
    assert (set(one.accounts), set(other.accounts)) == ({address(3), address(2)}, {address(4), address(2)})
    assert [params[0] for _, params in node.asked] == [[address(1)], [address(3), address(2), address(4)]]


NOW = ManualClock().now()


@pytest.mark.parametrize(
    ("text", "wait_ms"),
    [
        ("0", 0),
        ("1", 1_000),
        ("7", 7_000),
        ("86400", 60_000),
        ("999999999", 60_000),
        (formatdate(NOW // 1000 + 20, usegmt=True), 20_000),
        (formatdate(NOW // 1000 - 20, usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60_000),
    ],
)
async def test_who_is_asked_to_wait_waits_as_long_but_not_for_ever(text: str, wait_ms: int):
    clock = ManualClock()
    busy = Node(getEpochInfo=in_turn(httpx.Response(429, headers={"Retry-After": text}), WELL))
    client = rpc(busy, Node(getEpochInfo=WELL_TOO), clock=clock)
    assert await client.height() == TWO
    clock.advance(max(wait_ms - 300, 0))  # for less than 300 ms it is waited for; and it rests besides
    assert await client.height() == TWO
    clock.advance(1_000)
    assert await client.height() == ONE


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "soon", "9" * 5_000, "٣", "\x00", "Fri, 99 Foo 2020 99:99:99 GMT", "1 2 3 4 5 6 7 8", ","]
)
@pytest.mark.parametrize("code", [429, 503])
async def test_a_silly_retry_after_is_as_good_as_none(text: str, code: int):
    clock = ManualClock()
    headers = [(b"Retry-After", text.encode("utf-8"))]
    busy = Node(getEpochInfo=in_turn(httpx.Response(code, headers=headers), WELL))
    client = rpc(busy, Node(getEpochInfo=WELL_TOO), clock=clock)
    assert await client.height() == TWO
    clock.advance(1_000)
    assert await client.height() == ONE


async def test_the_only_endpoint_is_left_alone_as_long_as_it_asks_for():
    clock = ManualClock()
    busy = Node(getEpochInfo=in_turn(httpx.Response(429, headers={"Retry-After": "30"}), WELL))
    client = rpc(busy, clock=clock)
    for _ in range(3):
        with pytest.raises(NetworkUnavailable):
            await client.height()
        clock.advance(9_000)
    assert busy.times("getEpochInfo") == 1
    clock.advance(3_000)
    assert await client.height() == ONE


async def test_an_endpoint_that_fails_and_works_again_is_logged_by_its_number(caplog: pytest.LogCaptureFixture):
    clock = ManualClock()
    caplog.set_level(logging.DEBUG)
    client = rpc(Node(getEpochInfo=in_turn(DOWN, DOWN, WELL)), clock=clock)
    for _ in range(2):
        with pytest.raises(NetworkUnavailable):
            await client.height()
    await client.height()
    told = [(r.levelname, r.getMessage(), vars(r)["endpoint"]) for r in caplog.records if "endpoint" in vars(r)]
    assert told == [
        ("WARNING", "an RPC endpoint fails", "endpoint 1 of 1"),
        ("INFO", "an RPC endpoint works again", "endpoint 1 of 1"),
    ]
