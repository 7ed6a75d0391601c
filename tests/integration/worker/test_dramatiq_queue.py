"""What the queue on Dramatiq adds to the contract: wakes that go together, the wake list, a Redis that is away."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable

import pytest
import redis
from dramatiq import BrokerConnectionError

from bestfill.errors import QueueError
from bestfill.testing.samples import order_id
from bestfill.units import OrderId
from bestfill_adapters.dramatiq import DramatiqQueue, WakeList
from bestfill_adapters.dramatiq.broker import connect, make_broker
from bestfill_adapters.dramatiq.wakes import WAKES, WAKES_MAX
from bestfill_adapters.settings import SettingsError
from tools.servers import Valkey

MESSAGES, DELAYED = "dramatiq:orders.msgs", "dramatiq:orders.DQ.msgs"
IDS = [order_id(n) for n in range(200)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - another thread tells no event
            await asyncio.sleep(0.005)


@pytest.fixture
def client(redis_url: str):
    with redis.Redis.from_url(redis_url, decode_responses=True) as made:
        yield made


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[DramatiqQueue]:
    made = DramatiqQueue(redis_url)
    yield made
    await made.close()


def sent(client: redis.Redis, key: str = MESSAGES) -> list[list[OrderId]]:
    return [json.loads(message)["args"][0] for message in client.hvals(key)]


async def test_what_gathers_goes_as_few_messages_of_at_most_a_batch(queue: DramatiqQueue, client: redis.Redis):
    queue._sender = queue  # type: ignore[assignment] - as if it were open: nothing is sent yet
    for one in IDS:
        await queue.wake([one])
    queue.start()
    await until(lambda: sum(map(len, sent(client))) == len(IDS))
    assert sorted(map(len, sent(client))) == [8, 64, 64, 64]
    assert client.lrange(WAKES, 0, -1) == IDS


async def test_small_concurrency_makes_small_messages(redis_url: str, client: redis.Redis):
    queue = DramatiqQueue(redis_url, batch=3)
    queue.start()
    await queue.wake(IDS[:7])
    await queue.close()
    assert sorted(map(len, sent(client))) == [1, 3, 3]


async def test_its_depth_is_what_waits_in_redis(queue: DramatiqQueue, client: redis.Redis):
    queue.start()
    await queue.wake(IDS[:3])
    await queue.wake(IDS[3:4], 60_000)
    client.zadd("dramatiq:orders.XQ", {"dead": 1})
    await until(lambda: bool(sent(client) and sent(client, DELAYED)))
    assert await queue.depth() == {"wakes": 3, "messages": 1, "delayed": 1, "dead": 1}
    assert queue.connections()[2] == 0


async def test_closing_sends_what_is_left_and_then_nothing_is_taken(queue: DramatiqQueue, client: redis.Redis):
    queue.start()
    await queue.wake(IDS)
    await queue.close()
    assert queue._ended.is_set(), "it did not have to be given up"
    assert sorted(one for message in sent(client) for one in message) == sorted(IDS)
    with pytest.raises(QueueError):
        await queue.wake(IDS)
    await queue.close()


async def test_delayed_wakes_go_together_and_are_not_on_the_list(queue: DramatiqQueue, client: redis.Redis):
    queue.start()
    await asyncio.gather(*(queue.wake([one], 60_000) for one in IDS[:50]))
    await until(lambda: sum(map(len, sent(client, DELAYED))) == 50)
    assert len(client.hkeys(DELAYED)) < 10
    assert client.llen(WAKES) == 0


async def test_a_delayed_wake_is_listed_when_its_time_has_come_and_has_one_message(
    redis_url: str, queue: DramatiqQueue, client: redis.Redis
):
    queue.start()
    wakes = WakeList(redis_url, wait_s=20)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await queue.wake(IDS[:2], 300)
    assert await wakes.take(5) == IDS[:2]
    assert loop.time() - begin >= 0.3, "not before it is due"
    await queue.close()
    assert sent(client, DELAYED) + sent(client) == [IDS[:2]]
    await wakes.close()


async def test_a_redis_that_is_away_has_no_depth():
    queue = DramatiqQueue("redis://127.0.0.1:1")
    with pytest.raises(QueueError, match="Redis does not answer"):
        await queue.depth()
    await queue.close()


async def test_a_crowd_that_asks_how_it_is_holds_up_no_wake(
    redis_url: str, queue: DramatiqQueue, caplog: pytest.LogCaptureFixture
):
    queue.start()
    wakes = WakeList(redis_url, wait_s=20)
    asking = [asyncio.create_task(queue.ping()) for _ in range(300)]
    await queue.wake(IDS[:1])
    assert await wakes.take(1) == IDS[:1]
    await asyncio.gather(*asking)
    assert caplog.records == []
    await wakes.close()


async def test_the_wake_list_gives_what_there_is_in_order_and_no_more_than_asked(redis_url: str, queue: DramatiqQueue):
    queue.start()
    wakes = WakeList(redis_url, wait_s=0.05)
    assert await wakes.take(5) == []
    await queue.wake(IDS[:5])
    await queue.close()
    assert [await wakes.take(3), await wakes.take(3)] == [IDS[:3], IDS[3:5]]
    await wakes.close()


async def test_a_taker_is_told_at_once_and_each_wake_goes_to_one(redis_url: str, queue: DramatiqQueue):
    queue.start()
    takers = [WakeList(redis_url, wait_s=20) for _ in range(2)]
    async with asyncio.timeout(10):
        taking = [asyncio.create_task(taker.take(500)) for taker in takers]
        await queue.wake(IDS[:1])
        done, waiting = await asyncio.wait(taking, return_when=asyncio.FIRST_COMPLETED)
        await queue.wake(IDS[1:2])
        assert [await done.pop(), await waiting.pop()] == [IDS[:1], IDS[1:2]]
    for taker in takers:
        await taker.close()


async def test_the_wake_list_keeps_the_newest_wakes(redis_url: str, queue: DramatiqQueue, client: redis.Redis):
    client.rpush(WAKES, *(str(n) for n in range(WAKES_MAX)))
    queue.start()
    await queue.wake(IDS[:10])
    await queue.close()
    assert client.llen(WAKES) == WAKES_MAX
    assert client.lrange(WAKES, -10, -1) == IDS[:10]


async def test_what_is_no_order_id_is_dropped_from_the_wake_list(redis_url: str, client: redis.Redis):
    client.rpush(WAKES, b"\xff\xfe", "'; DROP TABLE orders", IDS[0], IDS[0].upper(), "x" * 100_000, "")
    wakes = WakeList(redis_url)
    assert await wakes.take(100) == [IDS[0]]
    await wakes.close()


async def test_a_wake_list_of_another_kind_is_an_error_of_the_queue(redis_url: str, client: redis.Redis):
    client.set(WAKES, "no list")
    wakes = WakeList(redis_url)
    with pytest.raises(QueueError):
        await wakes.take(1)
    await wakes.close()


async def test_with_redis_away_wakes_return_are_sent_later_and_it_is_said_once(
    valkey: Valkey, caplog: pytest.LogCaptureFixture
):
    queue = DramatiqQueue(valkey.url)
    valkey.stop()
    queue.start()
    with caplog.at_level(logging.INFO, "bestfill_adapters.dramatiq"):
        await queue.wake(IDS[:1])
        await until(lambda: queue._down)
        await queue.wake(IDS[1:3])
        with pytest.raises(QueueError):
            await queue.ping()
        valkey.start()
        await until(lambda: not queue._down)
        await queue.ping()
        await queue.close()
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        assert sorted(one for message in sent(client) for one in message) == sorted(IDS[:3])
    assert [r.getMessage() for r in caplog.records] == ["no wakes sent; will try again", "wakes are sent again"]


async def test_with_redis_away_only_so_many_wakes_wait(valkey: Valkey, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bestfill_adapters.dramatiq.queue.BACKLOG_MAX", 10)
    queue = DramatiqQueue(valkey.url)
    valkey.stop()
    queue.start()
    await queue.wake(IDS[:1])
    await until(lambda: queue._down)
    for one in IDS:
        await queue.wake([one])
    assert queue._backlog.qsize() == 10
    await queue.close()


async def test_with_redis_away_closing_does_not_wait_for_it(valkey: Valkey):
    queue = DramatiqQueue(valkey.url)
    valkey.stop()
    queue.start()
    await queue.wake(IDS)
    await until(lambda: queue._down)
    await asyncio.wait_for(queue.close(), 10)
    assert queue._ended.is_set()


@pytest.mark.parametrize("url", ["redis://:hunter2@h:port", "redis://:hunter2@h?nothing=x", "http://:hunter2@h"])
def test_a_url_that_is_none_is_refused_without_showing_it(url: str):
    for make in (DramatiqQueue, WakeList):
        with pytest.raises(SettingsError, match="REDIS_URL") as refused:
            make(url)
        assert "hunter2" not in str(refused.value)


async def test_valkeys_own_scheme_is_understood(valkey: Valkey):
    queue = DramatiqQueue(valkey.url.replace("redis://", "valkey://"))
    await queue.ping()
    await queue.close()


@pytest.mark.parametrize("command", ["enqueue", "fetch", "ack", "requeue"])
def test_for_the_broker_every_failure_of_redis_is_a_lost_connection(command: str, redis_url: str):
    with redis.Redis.from_url(redis_url) as client:
        client.mset({"dramatiq:orders": "no list", "dramatiq:orders.msgs": "x", "dramatiq:__heartbeats__": "x"})
    for url in (redis_url, "redis://127.0.0.1:1"):
        with connect(url, 1) as client, pytest.raises(BrokerConnectionError):
            getattr(make_broker(client), f"do_{command}")("orders", "1", "2")
