"""The Redis notifier when Redis is slow, away, restarted, emptied, or full of nonsense."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NotConnected

from bestfill.errors import QueueError
from bestfill.events import OrderEvent
from bestfill.testing.contracts.notifier import take
from bestfill.testing.samples import new_order
from bestfill_adapters.redis import RedisNotifier, messages
from bestfill_adapters.redis import notifier as module
from bestfill_adapters.settings import SettingsError
from tools.servers import Valkey

EVENTS = [new_order(n)[1] for n in range(20)]
Batches = AsyncIterator[Sequence[OrderEvent]]


async def gap(batches: Batches) -> None:
    """Read until it is said that events may be missing."""
    async with asyncio.timeout(20):
        while await anext(batches):
            pass


async def heard(notifier: RedisNotifier, batches: Batches) -> None:
    """Publish until it is heard again."""

    async def publish() -> None:
        while True:
            await notifier.publish(EVENTS[:1])
            await asyncio.sleep(0.02)

    publishing = asyncio.create_task(publish())
    async with asyncio.timeout(20):
        while not await anext(batches):
            pass
    publishing.cancel()
    await asyncio.wait([publishing])


def stop_and_start(valkey: Valkey) -> None:
    valkey.kill()
    valkey.start()


@pytest.mark.parametrize("trouble", [stop_and_start, Valkey.restart], ids=["killed", "restarted"])
async def test_a_server_that_comes_back_is_heard_again_after_a_gap(
    notifier: RedisNotifier, valkey: Valkey, trouble: Callable[[Valkey], None]
):
    async with notifier.subscribe() as batches:
        await notifier.publish(EVENTS)
        assert await take(batches, 20) == EVENTS
        await asyncio.to_thread(trouble, valkey)
        await gap(batches)
        await heard(notifier, batches)


async def test_a_connection_that_is_cut_means_a_gap_though_the_server_never_was_away(
    notifier: RedisNotifier, valkey: Valkey
):
    async with notifier.subscribe() as batches, Redis.from_url(valkey.url, protocol=2) as other:
        await notifier.publish(EVENTS)
        assert await take(batches, 20) == EVENTS
        await other.client_kill_filter(_type="pubsub")
        assert list(await anext(batches)) == []
        await gap(batches)
        await heard(notifier, batches)


async def test_a_server_that_hangs_means_gaps_until_it_goes_on(notifier: RedisNotifier, valkey: Valkey):
    async with notifier.subscribe() as batches:
        valkey.pause()
        await gap(batches)
        await gap(batches)
        valkey.resume()
        await heard(notifier, batches)


async def test_emptying_the_server_does_no_harm(notifier: RedisNotifier, valkey: Valkey):
    async with notifier.subscribe() as batches:
        await asyncio.to_thread(valkey.flush)
        await notifier.publish(EVENTS)
        assert await take(batches, 20) == EVENTS


async def test_with_the_server_away_gaps_keep_coming_and_subscribing_works(notifier: RedisNotifier, valkey: Valkey):
    valkey.kill()
    async with notifier.subscribe() as batches:
        for _ in range(4):
            await gap(batches)
        await asyncio.to_thread(valkey.start)
        await heard(notifier, batches)


@pytest.mark.parametrize("trouble", [Valkey.kill, Valkey.pause], ids=["away", "hanging"])
async def test_publishing_never_waits_nor_fails_and_is_logged_once(
    notifier: RedisNotifier, valkey: Valkey, trouble: Callable[[Valkey], None], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "bestfill_adapters.redis")
    await notifier.publish(EVENTS)
    trouble(valkey)

    async def told(message: str) -> None:
        async with asyncio.timeout(20):
            while message not in caplog.messages:
                await notifier.publish(EVENTS)
                await asyncio.sleep(0.01)

    await told("events not published; will try again")
    for _ in range(1_000):
        publishing = notifier.publish(EVENTS)
        with pytest.raises(StopIteration):  # it has run to its end without waiting for anything
            publishing.send(None)
    await asyncio.to_thread(valkey.start)
    await told("events are published again")
    assert caplog.messages.count("events not published; will try again") == 1


async def test_subscribers_are_told_of_events_that_only_the_publisher_lost(
    notifier: RedisNotifier, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "BACKLOG_MAX_BYTES", 1_000)
    async with notifier.subscribe() as batches:
        await notifier.publish(EVENTS)  # more than fits: dropped
        assert list(await anext(batches)) == []
        await notifier.publish(EVENTS[:1])
        assert await take(batches, 1) == EVENTS[:1]


class DropsWhileTelling(RedisNotifier):
    """Fails once, and is given an event just while it tells of the gap."""

    fails = True

    async def _send(self, message: bytes) -> None:
        if self.fails:
            self.fails = False
            raise NotConnected("away")
        if self._down:
            await self.publish(EVENTS[:1])
        await super()._send(message)


async def test_what_is_dropped_while_the_gap_is_being_told_is_told_too(notifier: RedisNotifier, valkey: Valkey):
    publisher = DropsWhileTelling(valkey.url)
    async with notifier.subscribe() as batches:
        await publisher.publish(EVENTS)
        assert list(await anext(batches)) == []
        assert list(await anext(batches)) == []
        await publisher.publish(EVENTS[1:2])
        assert await take(batches, 1) == EVENTS[1:2]
    await publisher.close()


GOOD: list[Any] = json.loads(messages.join([messages.pack(EVENTS[0])]))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"{}",
        b"[[]]",
        b"[1]",
        b"[" * 100_000,
        b"[" + b" " * messages.MESSAGE_MAX_BYTES + b"]",
        *(
            json.dumps([[*GOOD[0][:i], bad, *GOOD[0][i + 1 :]]]).encode()
            for i, bad in enumerate([1, "", 0, -1, "x", 0])
        ),
        json.dumps([[*GOOD[0][:6], [1], *GOOD[0][7:]]]).encode(),
        json.dumps([[*GOOD[0][:7], -1]]).encode(),
        json.dumps([[*GOOD[0][:2], 2**70, *GOOD[0][3:]]]).encode(),
        json.dumps([*GOOD, GOOD[0][:3]]).encode(),
    ],
    ids=lambda message: repr(message[:20]),
)
async def test_a_hostile_message_is_a_gap_and_the_next_one_is_read(
    notifier: RedisNotifier, valkey: Valkey, message: bytes, caplog: pytest.LogCaptureFixture
):
    async with notifier.subscribe() as batches, Redis.from_url(valkey.url, protocol=2) as other:
        for _ in range(3):
            await other.publish(module.CHANNEL, message)
            assert list(await anext(batches)) == []
        await notifier.publish(EVENTS)
        assert await take(batches, 20) == EVENTS
    assert caplog.messages.count("a message of no known form was dropped") == 1


async def test_two_processes_worth_of_notifiers_hear_each_other_in_order(valkey: Valkey):
    one, other = RedisNotifier(valkey.url), RedisNotifier(valkey.url)
    stories = [[new_order(n)[1] for n in range(begin, begin + 300)] for begin in (0, 1_000)]

    async def tell(notifier: RedisNotifier, story: list[OrderEvent]) -> None:
        for event in story:
            await notifier.publish([event])
            await asyncio.sleep(0)

    async with one.subscribe() as to_one, other.subscribe() as to_other:
        await asyncio.gather(tell(one, stories[0]), tell(other, stories[1]))
        for batches in (to_one, to_other):
            seen = await take(batches, 600)
            assert [[event for event in seen if event in story] for story in stories] == stories
    await one.close()
    await other.close()


async def test_events_that_gather_go_as_few_messages_of_bounded_length(notifier: RedisNotifier, valkey: Valkey):
    async with Redis.from_url(valkey.url, protocol=2) as other, other.pubsub() as pubsub:
        await pubsub.subscribe(module.CHANNEL)
        await pubsub.get_message(timeout=10)
        for _ in range(100):
            await notifier.publish(EVENTS)
        sizes: list[int] = []
        count = 0
        while count < 2_000:
            message = await pubsub.get_message(timeout=10)
            assert message is not None
            sizes.append(len(message["data"]))
            count += len(json.loads(message["data"]))
        assert len(sizes) < 20
        assert max(sizes) < 2 * module.MESSAGE_BYTES


async def test_an_event_that_cannot_be_sent_is_refused_alone(notifier: RedisNotifier):
    odd = OrderEvent(**{**vars(EVENTS[0]), "data": {"x": object()}})
    long = OrderEvent(**{**vars(EVENTS[0]), "data": {"x": "x" * messages.MESSAGE_MAX_BYTES}})
    async with notifier.subscribe() as batches:
        for event in (odd, long):
            with pytest.raises(QueueError):
                await notifier.publish([event])
        await notifier.publish(EVENTS)
        assert await take(batches, 20) == EVENTS


async def test_a_cancelled_reader_goes_on_after_a_gap(notifier: RedisNotifier):
    async with notifier.subscribe() as batches:
        reading = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        assert list(await anext(batches)) == []
        await notifier.publish(EVENTS)
        assert await take(batches, 20) == EVENTS


async def test_closing_sends_what_is_left_and_ends_every_iteration(valkey: Valkey):
    one, other = RedisNotifier(valkey.url), RedisNotifier(valkey.url)
    async with one.subscribe() as mine, other.subscribe() as theirs:
        waiting = asyncio.ensure_future(anext(mine, None))
        await one.publish(EVENTS)
        await one.close()
        assert await take(theirs, 20) == EVENTS
        while await asyncio.wait_for(waiting, 20) is not None:
            waiting = asyncio.ensure_future(anext(mine, None))
        with pytest.raises(QueueError):
            await one.publish(EVENTS)
        async with one.subscribe() as late:
            assert await anext(late, None) is None
        await other.close()
        assert await asyncio.wait_for(anext(theirs, None), 20) is None


async def test_closing_with_the_server_away_does_not_wait_for_it(valkey: Valkey):
    notifier = RedisNotifier(valkey.url)
    valkey.kill()
    async with notifier.subscribe():
        await notifier.publish(EVENTS)
        async with asyncio.timeout(20):
            await notifier.close()


@pytest.mark.parametrize("refused", ["", "NOAUTH"])
async def test_a_password_is_in_no_log(valkey: Valkey, refused: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    if not refused:
        valkey.kill()
    notifier = RedisNotifier(valkey.url.replace("redis://", "valkey://user:hunter2@"))
    async with notifier.subscribe() as batches:
        await notifier.publish(EVENTS)
        await gap(batches)
    await notifier.close()
    assert "notifier not heard; will try again" in caplog.messages
    assert "hunter2" not in caplog.text + repr([vars(record) for record in caplog.records]) + repr(notifier)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2/x@host:6379",
        "redis://u:hunter2@h:x/0",
        "redis://u:hunter2@h/0?db=x",
        "http://u:hunter2@h",
        "x",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_shown(url: str):
    with pytest.raises(SettingsError) as refused:
        RedisNotifier(url)
    assert "hunter2" not in repr(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("url", ["redis://h", "rediss://h:1/2", "valkey://h", "valkeys://u:p@h", "unix:///tmp/x.sock"])
def test_every_kind_of_url_that_settings_take_is_taken(url: str):
    RedisNotifier(url)
