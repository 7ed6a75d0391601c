"""The WebSockets: each event once, in order, none missing, whoever is slow, late or deaf."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from bestfill.errors import QueueError, StoreError
from bestfill.events import OrderEvent
from bestfill.order import Status
from bestfill.testing.fakes import FakeNotifier
from bestfill.testing.store import MemoryStore
from bestfill.units import OrderId
from bestfill_api import feed
from bestfill_api.follow import PAGE, Pace
from bestfill_api.subscriber import frame
from tests.unit.api.house import UNKNOWN, House, house
from tests.unit.api.wires import connect

NEVER = Pace(send_s=3_600)
STORY = ["pending", "routing", "building", "submitted", "confirmed"]
TERMINAL = (1000, "")


def statuses(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["status"] for event in events]


class Reads(MemoryStore):
    """A store that tells each time that events are read, and can hold a reader up."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = asyncio.Semaphore(0)
        self.questions = asyncio.Semaphore(0)
        self.open = asyncio.Event()
        self.open.set()
        self.down = False
        self.asked: list[tuple[str, ...]] = []
        self.events_read: list[str] = []

    async def events(self, order_id: OrderId, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        self.reads.release()
        self.events_read.append(order_id)
        if self.down:
            raise StoreError("down")
        found = await super().events(order_id, since, limit)
        await self.open.wait()
        return found

    async def user_events(self, user_id: str, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        self.events_read.append(user_id)
        return await super().user_events(user_id, since, limit)

    async def seqs(self, order_ids: Sequence[OrderId]) -> dict[OrderId, int]:
        self.asked.append(tuple(order_ids))
        self.questions.release()
        return await super().seqs(order_ids)

    async def user_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        self.asked.append(tuple(user_ids))
        return await super().user_seqs(user_ids)


async def test_the_message_is_as_the_contract_shows(api: House) -> None:
    order_id = await api.place()
    async with connect(api.app, f"/ws/{order_id}") as wire:
        first = await wire.event()
        data = first.pop("data")
        assert first == {
            "event": "status_update",
            "orderId": order_id,
            "seq": 1,
            "userSeq": 1,
            "status": "pending",
            "attempt": 1,
            "timestamp": 1_765_880_000_000,
        }
        assert (data["dex"], data["price"], data["txHash"], data["amountIn"]) == (None, None, None, "1.5")


async def test_an_order_is_followed_live_to_its_end_and_then_closed() -> None:
    async with house(pace=NEVER) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            assert statuses([await wire.event()]) == ["pending"]
            await api.move(order_id, Status.ROUTING)
            assert statuses([await wire.event()]) == ["routing"]
            await api.move(order_id, Status.CONFIRMED)
            assert statuses(await wire.events(3)) == STORY[2:]
            assert await wire.closed() == TERMINAL


async def test_who_comes_after_the_end_gets_the_whole_story(api: House) -> None:
    order = await api.run(await api.place())
    async with connect(api.app, f"/ws/{order.id.upper()}") as wire:
        told = await wire.events(5)
        assert await wire.closed() == TERMINAL
    assert (statuses(told), [e["seq"] for e in told]) == (STORY, [1, 2, 3, 4, 5])
    assert told == (await api.http.get(f"/api/orders/{order.id}/events")).json()["events"]


@pytest.mark.parametrize("since", [0, 1, 4, 5])
async def test_since_goes_on_after_an_event_without_gap_or_repeat(api: House, since: int) -> None:
    order = await api.run(await api.place())
    async with connect(api.app, f"/ws/{order.id}?since={since}") as wire:
        assert statuses(await wire.events(5 - since)) == STORY[since:]
        assert await wire.closed() == TERMINAL


async def test_since_goes_on_live(api: House) -> None:
    order_id = await api.place()
    async with connect(api.app, f"/ws/{order_id}?since=1") as wire:
        await api.move(order_id, Status.CONFIRMED)
        assert statuses(await wire.events(4)) == STORY[1:]
        assert await wire.closed() == TERMINAL


@pytest.mark.parametrize("order_id", [UNKNOWN, "nonsense", "%00", "x" * 4_000])
async def test_an_unknown_order_is_closed_with_4404(api: House, order_id: str) -> None:
    async with connect(api.app, f"/ws/{order_id}") as wire:
        assert await wire.closed() == (4404, "there is no such order")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("since=-1", "since"),
        ("since=x", "since"),
        ("since=", "since"),
        ("since=1.0", "since"),
        ("since=%D9%A1", "since"),
        ("since=" + "9" * 3_000, "since"),
        ("since=1&since=2", "since"),
        ("since=2", "ahead of the last event, 1"),
        ("sinse=1", "sinse"),
        ("since=%FF", "UTF-8"),
        ("€" * 90 + "=1", "is not a field"),
    ],
    ids=lambda v: v[:20],
)
async def test_a_bad_since_is_closed_with_4400_and_a_short_reason(api: House, query: str, named: str) -> None:
    async with connect(api.app, f"/ws/{await api.place()}?{query}") as wire:
        code, reason = await wire.closed()
    assert code == 4400
    assert len(reason.encode()) <= 123
    assert named in reason or len(query) > 90


@pytest.mark.parametrize(
    "query", ["", "userId=", "userId=%20", "userId=a%00", "userId=" + "x" * 129, "userId=u&since=1", "userId=u&x=1"]
)
async def test_a_bad_user_is_closed_with_4400(api: House, query: str) -> None:
    async with connect(api.app, f"/ws?{query}") as wire:
        assert (await wire.closed())[0] == 4400


async def test_a_user_follows_all_orders_from_now_on() -> None:
    async with house(pace=NEVER) as api:
        before = await api.place()
        async with connect(api.app, "/ws?userId=user-123") as wire:
            await api.http.get("/health/live")  # lets the socket get as far as it will
            await api.place(userId="other")
            after = await api.place()
            await api.move(before, Status.ROUTING)
            told = await wire.events(2)
            assert [(e["orderId"], e["status"]) for e in told] == [(after, "pending"), (before, "routing")]
            assert [e["userSeq"] for e in told] == [2, 3]
            assert wire.outbox.empty()


async def test_a_user_goes_on_from_since_and_is_never_closed_by_an_end(api: House) -> None:
    first = await api.run(await api.place())
    second = await api.run(await api.place())
    async with connect(api.app, "/ws?userId=user-123&since=0") as wire:
        told = await wire.events(10)
        assert [e["userSeq"] for e in told] == list(range(1, 11))
        assert [e["orderId"] for e in told] == [first.id] * 5 + [second.id] * 5
        await api.place()
        assert (await wire.event())["userSeq"] == 11
    async with connect(api.app, "/ws?userId=user-123&since=9") as wire:
        assert [e["userSeq"] for e in await wire.events(2)] == [10, 11]


async def test_a_lost_hint_is_found_in_the_store_when_the_next_one_shows_the_gap() -> None:
    notifier = FakeNotifier(loses=lambda event: event.status is Status.ROUTING)
    async with house(notifier=notifier, pace=NEVER) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as one, connect(api.app, "/ws?userId=user-123&since=0") as all_:
            assert [(await one.event())["seq"], (await all_.event())["seq"]] == [1, 1]
            await api.move(order_id, Status.CONFIRMED)
            assert [e["seq"] for e in await one.events(4)] == [2, 3, 4, 5]
            assert [e["userSeq"] for e in await all_.events(4)] == [2, 3, 4, 5]
            assert await one.closed() == TERMINAL


async def test_a_last_hint_that_is_lost_is_found_by_reading_again_in_time() -> None:
    notifier = FakeNotifier(loses=lambda event: event.status is not Status.PENDING)
    async with house(notifier=notifier, pace=NEVER, check_s=0.01) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await wire.event()
            await api.move(order_id, Status.CONFIRMED)
            assert statuses(await wire.events(4)) == STORY[1:]
            assert await wire.closed() == TERMINAL


class Skips(FakeNotifier):
    """Says of every event no more than that there was something."""

    async def publish(self, events: Sequence[OrderEvent]) -> None:
        for subscriber in self._subscribers:
            subscriber.put_nowait(())


async def test_after_a_gap_the_store_is_asked_once_for_all_and_read_by_those_alone_who_miss_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "ASK", 10)
    store = Reads()
    async with house(store=store, notifier=Skips(), pace=NEVER) as api, AsyncExitStack() as open_:
        orders = [await api.place(userId=f"user-{n}") for n in range(25)]
        paths = [f"/ws/{order}?since=1" for order in orders] + [f"/ws?userId=user-{n}" for n in range(25)]
        wires = [await open_.enter_async_context(connect(api.app, path)) for path in paths]
        await api.http.get("/health/live")  # lets the sockets get as far as they will
        store.asked.clear()
        for number in (3, 17):
            await api.move(orders[number], Status.ROUTING)
        for number in (3, 17, 25 + 3, 25 + 17):
            assert (await wires[number].event())["status"] == "routing"
        assert sorted(store.events_read) == sorted([orders[3], orders[17], "user-3", "user-17"])
        assert sorted(len(asked) for asked in store.asked[:6]) == [5, 5, 10, 10, 10, 10]
        assert all(wire.outbox.empty() for wire in wires)


async def test_quiet_sockets_cost_one_question_and_no_reading() -> None:
    store = Reads()
    async with house(store=store, pace=NEVER, check_s=0) as api, AsyncExitStack() as open_:
        orders = [await api.place() for _ in range(20)]
        for order in orders:
            wire = await open_.enter_async_context(connect(api.app, f"/ws/{order}"))
            await wire.event()
        store.asked.clear()
        read = len(store.events_read)
        while len(store.asked) < 3:
            await asyncio.wait_for(store.questions.acquire(), 10)
        assert set(store.asked) == {tuple(orders)}
        assert len(store.events_read) == read


async def test_a_store_that_cannot_be_asked_is_asked_again_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    class Deaf(Reads):
        failures = 3

        async def seqs(self, order_ids: Sequence[OrderId]) -> dict[OrderId, int]:
            if self.failures:
                self.failures -= 1
                raise StoreError("down")
            return await super().seqs(order_ids)

    async with house(store=Deaf(), notifier=Skips(), pace=NEVER) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}?since=1") as wire:
            await api.move(order_id, Status.CONFIRMED)
            assert statuses(await wire.events(4)) == STORY[1:]
        assert caplog.messages.count("streams not checked; will try again") == 1


async def test_what_comes_after_the_end_in_one_batch_is_not_sent() -> None:
    class Hoards(FakeNotifier):
        async def publish(self, events: Sequence[OrderEvent]) -> None:
            self.published += events
            if events[-1].status.terminal:
                await super().publish(list(self.published) * 2)

    async with house(notifier=Hoards(), pace=NEVER) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await wire.event()
            await api.move(order_id, Status.CONFIRMED)
            assert [e["seq"] for e in await wire.events(4)] == [2, 3, 4, 5]
            assert await wire.closed() == TERMINAL


async def test_an_empty_batch_says_that_events_were_skipped() -> None:
    async with house(notifier=Skips(), pace=NEVER) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await wire.event()
            await api.move(order_id, Status.CONFIRMED)
            assert statuses(await wire.events(4)) == STORY[1:]


async def test_repeated_and_reordered_hints_change_nothing() -> None:
    class Echo(FakeNotifier):
        async def publish(self, events: Sequence[OrderEvent]) -> None:
            self.published += events
            await super().publish([*reversed(self.published), *events])

    async with house(notifier=Echo(), pace=NEVER) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await wire.event()
            await api.move(order_id, Status.CONFIRMED)
            assert [e["seq"] for e in await wire.events(4)] == [2, 3, 4, 5]
            assert await wire.closed() == TERMINAL


async def test_events_that_come_while_the_story_is_read_are_neither_lost_nor_repeated() -> None:
    store = Reads()
    async with house(store=store, pace=NEVER) as api:
        order_id = await api.place()
        store.open.clear()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await store.reads.acquire()
            await api.move(order_id, Status.CONFIRMED)  # the reader has read event 1 and holds it
            store.open.set()
            assert [e["seq"] for e in await wire.events(5)] == [1, 2, 3, 4, 5]
            assert await wire.closed() == TERMINAL


async def test_a_story_of_many_pages_is_told_whole() -> None:
    async with house(pace=NEVER) as api:
        for _ in range(PAGE + 1):
            await api.place(userId="busy")
        async with connect(api.app, "/ws?userId=busy&since=0") as wire:
            assert [e["userSeq"] for e in await wire.events(PAGE + 1)] == list(range(1, PAGE + 2))


async def test_a_store_that_fails_for_a_while_only_delays() -> None:
    store = Reads()
    async with house(store=store, pace=NEVER, check_s=0.01) as api:
        order_id = await api.place()
        store.down = True
        async with connect(api.app, f"/ws/{order_id}") as wire:
            for _ in range(3):
                await store.reads.acquire()
            assert wire.outbox.empty()
            store.down = False
            assert (await wire.event())["seq"] == 1


async def test_a_store_that_fails_at_once_is_closed_with_1013() -> None:
    class Down(MemoryStore):
        async def get(self, *_: object) -> Any:
            raise StoreError("/secret/path")

    async with house(store=Down()) as api, connect(api.app, f"/ws/{UNKNOWN}") as wire:
        assert await wire.closed() == (1013, "the store does not answer; try again later")


async def test_an_unexpected_error_is_logged_and_closed_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryStore):
        async def get(self, *_: object) -> Any:
            raise RuntimeError("password=hunter2")

    async with house(store=Broken()) as api, connect(api.app, f"/ws/{UNKNOWN}") as wire:
        code, reason = await wire.closed()
    assert code == 1011
    assert "hunter2" not in reason
    assert [r.exc_info is not None for r in caplog.records if r.getMessage() == "socket failed"] == [True]


async def test_a_reader_that_takes_nothing_for_too_long_is_closed_with_1013() -> None:
    async with house(pace=Pace(send_s=0.01)) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}?since=1") as wire:
            wire.free.clear()
            await api.move(order_id, Status.ROUTING)
            assert await wire.closed() == (1013, "too slow; go on with since")
        assert (await api.http.get("/api/ws/stats")).json()["slowClosed"] == 1


async def test_a_reader_whose_buffer_runs_over_is_closed_at_once_and_the_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "BUFFER", 5)
    async with (
        house(pace=NEVER) as api,
        connect(api.app, "/ws?userId=user-123&since=0") as slow,
        connect(api.app, "/ws?userId=user-123&since=0") as quick,
    ):
        slow.free.clear()
        for number in range(1, 8):
            await api.place()
            assert (await quick.event())["userSeq"] == number
        assert (await slow.closed())[0] == 1013
        await api.place()
        assert (await quick.event())["userSeq"] == 8


async def test_a_buffer_that_runs_over_while_the_story_is_read_only_means_reading_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "BUFFER", 2)
    store = Reads()
    async with house(store=store, pace=NEVER) as api:
        order_id = await api.place()
        store.open.clear()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await store.reads.acquire()
            await api.move(order_id, Status.CONFIRMED)
            store.open.set()
            assert statuses(await wire.events(5)) == STORY
            assert await wire.closed() == TERMINAL


async def test_a_buffer_that_runs_over_while_the_story_is_sent_does_not_cut_its_reader_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "BUFFER", 2)
    async with house(pace=NEVER) as api, connect(api.app, "/ws?userId=user-123&since=0") as quick:
        await api.place()
        assert (await quick.event())["userSeq"] == 1
        async with connect(api.app, "/ws?userId=user-123&since=0", stuck=True) as late:
            for number in range(2, 8):
                await api.place()
                assert (await quick.event())["userSeq"] == number
            late.free.set()
            assert [event["userSeq"] for event in await late.events(7)] == [1, 2, 3, 4, 5, 6, 7]


async def test_what_clients_say_is_ignored(api: House) -> None:
    order_id = await api.place()
    async with connect(api.app, f"/ws/{order_id}") as wire:
        for _ in range(1_000):
            wire.say("{}")
        wire.inbox.put_nowait({"type": "websocket.receive", "bytes": b"\xff"})
        await wire.event()
        await api.move(order_id, Status.CONFIRMED)
        assert len(await wire.events(4)) == 4


async def test_each_event_is_encoded_once_for_all(api: House, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    monkeypatch.setattr(feed, "frame", lambda event: encoded.append(event.seq) or frame(event))
    order_id = await api.place()
    url = f"/ws/{order_id}?since=1"
    async with (
        connect(api.app, url) as one,
        connect(api.app, url) as two,
        connect(api.app, "/ws?userId=user-123") as all_,
    ):
        await api.http.get("/health/live")  # lets the sockets get as far as they will
        await api.move(order_id, Status.ROUTING)
        assert [(await wire.event())["seq"] for wire in (one, two, all_)] == [2, 2, 2]
        assert encoded == [2]


async def test_nothing_is_left_of_200_sockets_that_came_and_went() -> None:
    async with house(pace=NEVER) as api:
        order_id = await api.place()
        tasks = len(asyncio.all_tasks())
        for number in range(200):
            url = f"/ws/{order_id}" if number % 2 else f"/ws?userId=user-{number}&since=0"
            async with connect(api.app, url) as wire:
                if number % 4 == 1:
                    await wire.event()
                    await wire.leave()
        stats = (await api.http.get("/api/ws/stats")).json()
        assert (stats["connections"], stats["subscriptions"]) == (0, 0)
        assert (stats["opened"], stats["closed"]) == (200, 200)
        assert len(asyncio.all_tasks()) == tasks
        gc.collect()
        assert [o for o in gc.get_objects() if isinstance(o, feed.Subscriber)] == []


async def test_a_socket_that_was_closed_leaves_no_task_behind(api: House) -> None:
    order = await api.run(await api.place())
    tasks = len(asyncio.all_tasks())
    async with connect(api.app, f"/ws/{order.id}") as wire:
        await wire.events(5)
        assert await wire.closed() == TERMINAL
        assert len(asyncio.all_tasks()) == tasks


async def test_sockets_and_streams_are_counted() -> None:
    async with house(pace=NEVER) as api:
        order_id = await api.place()
        urls = (f"/ws/{order_id}", f"/ws/{order_id}", "/ws?userId=user-123")
        async with connect(api.app, urls[0]) as a, connect(api.app, urls[1]) as b, connect(api.app, urls[2]):
            await a.event()
            await b.event()
            assert (await api.http.get("/api/ws/stats")).json() == {
                "connections": 3,
                "subscriptions": 2,
                "opened": 3,
                "closed": 0,
                "eventsSent": 2,
                "slowClosed": 0,
            }


async def test_sockets_are_closed_when_the_service_stops() -> None:
    async with house(pace=NEVER) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await wire.event()
            await api.api.dispatcher().stop()
            assert (await wire.closed())[0] == 1012


async def test_a_notifier_that_fails_is_subscribed_again() -> None:
    class Fails(FakeNotifier):
        failures = 2

        def subscribe(self) -> Any:
            if self.failures:
                self.failures -= 1
                raise QueueError("down")
            return super().subscribe()

    async with house(notifier=Fails(), pace=NEVER, retry_s=0) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await api.move(order_id, Status.CONFIRMED)
            assert statuses(await wire.events(5)) == STORY


async def test_what_was_told_while_the_notifier_was_away_is_read_from_the_store() -> None:
    class Breaks(FakeNotifier):
        def __init__(self) -> None:
            super().__init__()
            self.breaks = asyncio.Event()

        @asynccontextmanager
        async def subscribe(self) -> AsyncIterator[AsyncIterator[Sequence[OrderEvent]]]:
            async def batches() -> AsyncIterator[Sequence[OrderEvent]]:
                await self.breaks.wait()
                self.breaks.clear()
                return
                yield ()

            yield batches()

    notifier = Breaks()
    async with house(notifier=notifier, pace=NEVER, retry_s=0) as api:
        order_id = await api.place()
        async with connect(api.app, f"/ws/{order_id}") as wire:
            await wire.event()
            await api.move(order_id, Status.CONFIRMED)
            notifier.breaks.set()
            assert statuses(await wire.events(4)) == STORY[1:]


@pytest.mark.parametrize("path", ["/", "/api/orders", "/health", "/ws/a/b"])
async def test_a_socket_elsewhere_is_refused(api: House, path: str) -> None:
    with pytest.raises(AssertionError, match=r"websocket\.close"):
        async with connect(api.app, path):
            raise RuntimeError("was accepted")
