"""Questions that are put together: no answer is older than its question, and who leaves takes nothing from others."""

import asyncio
from typing import Any

import pytest

from bestfill.errors import NetworkUnavailable
from bestfill.testing.clock import ManualClock
from bestfill_adapters.solana.rpc import STATUSES_MAX
from bestfill_adapters.solana.rpc.together import Take, Together
from tests.unit.adapters.solana.nodes import Node, as_of, rpc, signature, status, until
from tests.unit.adapters.solana.test_rpc import epoch


class Counter:
    """Answers as soon as it is let, with how often it was asked by then."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.let = asyncio.Event()
        self.answer = asyncio.Event()

    async def ask(self, take: Take) -> int:
        await self.let.wait()
        self.asked.append(take())
        number = len(self.asked)
        await self.answer.wait()
        return number


def ask(together: Together[Any], *keys: str) -> "asyncio.Task[Any]":
    return asyncio.create_task(together.ask(keys))


async def test_what_is_asked_before_the_request_goes_out_is_one_request():
    counter = Counter()
    together = Together(counter.ask, 10)
    calls = [ask(together, "a"), ask(together, "b", "c"), ask(together, "a")]
    await asyncio.sleep(0)
    counter.let.set()
    counter.answer.set()
    assert await asyncio.gather(*calls) == [1, 1, 1]
    assert counter.asked == [["a", "b", "c"]]


async def test_what_is_asked_after_the_request_went_out_gets_an_answer_of_its_own():
    counter = Counter()
    counter.let.set()
    together = Together(counter.ask, 10)
    early = ask(together, "a")
    await until(lambda: len(counter.asked) == 1)
    late = ask(together, "a")
    await until(lambda: len(counter.asked) == 2)
    counter.answer.set()
    assert (await early, await late) == (1, 2)


async def test_a_request_holds_no_more_than_it_may():
    counter = Counter()
    together = Together(counter.ask, 3)
    calls = [ask(together, "a", "b"), ask(together, "b", "c"), ask(together, "d"), ask(together, "e")]
    await asyncio.sleep(0)
    counter.let.set()
    counter.answer.set()
    assert await asyncio.gather(*calls) == [1, 1, 2, 2]
    assert counter.asked == [["a", "b", "c"], ["d", "e"]]


async def test_who_leaves_takes_nothing_from_the_others():
    counter = Counter()
    together = Together(counter.ask, 10)
    first, second = ask(together, "a"), ask(together, "b")
    await asyncio.sleep(0)
    counter.let.set()
    await until(lambda: bool(counter.asked))
    first.cancel()
    await asyncio.wait([first])
    counter.answer.set()
    assert first.cancelled() and await second == 1


async def test_an_error_is_everybodys_and_each_has_its_own():
    async def fail(_: Take) -> int:
        raise NetworkUnavailable("no")

    together = Together(fail, 10)
    first, second = await asyncio.gather(ask(together, "a"), ask(together, "b"), return_exceptions=True)
    assert isinstance(first, NetworkUnavailable) and isinstance(second, NetworkUnavailable)
    assert first.reason == second.reason == "no" and first is not second
    with pytest.raises(NetworkUnavailable):
        await together.ask("c")


async def test_an_error_that_nobody_waits_for_any_more_is_not_complained_about():
    loop = asyncio.get_running_loop()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    go = asyncio.Event()

    async def fail(_: Take) -> int:
        await go.wait()
        raise NetworkUnavailable("no")

    together = Together(fail, 10)
    call = ask(together, "a")
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    go.set()
    for _ in range(5):
        await asyncio.sleep(0)
    del together
    loop.set_exception_handler(None)
    assert not complaints


async def test_closing_tells_everybody_even_of_a_request_that_has_not_begun():
    counter = Counter()
    together = Together(counter.ask, 1)
    begun = ask(together, "a")
    await asyncio.sleep(0)
    fresh = ask(together, "b")
    await asyncio.sleep(0)
    await together.close()
    for call in (begun, fresh):
        with pytest.raises(NetworkUnavailable, match="closed"):
            await call


async def test_statuses_that_wait_for_their_turn_go_out_as_one_request_and_each_gets_its_own():
    clock = ManualClock()
    slots = {signature(n): n for n in range(300)}
    node = Node(getSignatureStatuses=lambda asked, _: as_of(900, [status(slot=slots[key]) for key in asked]))
    client = rpc(node, clock=clock, per_s=1)
    await client.statuses([signature(0)])
    calls = [asyncio.create_task(client.statuses([signature(n), signature(n + 1)])) for n in range(50)]
    for _ in range(3):
        await asyncio.sleep(0)
    clock.advance(1_000)
    told = await asyncio.gather(*calls)
    assert [[s and s.slot for s in t.statuses] for t in told] == [[n, n + 1] for n in range(50)]
    assert node.times("getSignatureStatuses") == 2


async def test_no_request_asks_for_more_statuses_than_a_node_answers():
    clock = ManualClock(auto=True)
    node = Node(getSignatureStatuses=lambda asked, _: as_of(900, [None] * len(asked)))
    client = rpc(node, clock=clock)
    calls = [client.statuses([signature(1_000 * n + k) for k in range(200)]) for n in range(3)]
    await asyncio.gather(*calls)
    assert max(len(params[0]) for _, params in node.asked) <= STATUSES_MAX
    assert node.times("getSignatureStatuses") == 3


async def test_a_height_that_is_being_asked_for_is_everybodys():
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    node = Node(getEpochInfo=lambda _: answer)
    client = rpc(node)
    calls = [asyncio.create_task(client.height())]
    await until(lambda: bool(node.asked))
    calls += [asyncio.create_task(client.height()) for _ in range(20)]
    await asyncio.sleep(0)
    answer.set_result(epoch(5, 6))
    assert len({await call for call in calls}) == 1
    assert node.times("getEpochInfo") == 1
    node.answers["getEpochInfo"] = epoch(7, 8)
    assert (await client.height()).block_height == 7
