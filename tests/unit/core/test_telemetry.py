"""What the engine tells of itself, and that whoever hears it harms nobody."""

import asyncio
import inspect
import logging
from contextlib import suppress
from typing import Any

import pytest

from bestfill.errors import NoRoute, VenueUnavailable
from bestfill.order import Order, Status
from bestfill.ports import Quoted, Telemetry
from bestfill.ports.telemetry import SILENT, Contained, contained
from bestfill.quote import Quote, QuoteRequest
from bestfill.testing.fakes import FakeVenue
from bestfill.testing.samples import request
from tests.watched import Watched

METHODS = [name for name, made in vars(Telemetry).items() if inspect.isfunction(made)]


class Hearer(Telemetry):
    """Notes all that it is told, by the method's name."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        for name in METHODS:
            setattr(self, name, self._note(name))

    def _note(self, name: str) -> Any:
        return lambda *facts, **more: self.heard.append((name, (*facts, *more.values())))

    def all(self, name: str) -> list[tuple[Any, ...]]:
        return [facts for heard, facts in self.heard if heard == name]


async def test_a_whole_order_is_told_step_by_step():
    hearer = Hearer()
    order = await Watched(hearer).execute()
    steps = [(before.status, move.order.status) for before, move in hearer.all("moved")]
    assert steps == [
        (Status.PENDING, Status.ROUTING),
        (Status.ROUTING, Status.BUILDING),
        (Status.BUILDING, Status.SUBMITTED),
        (Status.SUBMITTED, Status.CONFIRMED),
    ]
    assert [accepted.id for accepted, _ in hearer.all("accepted")] == [order.id]
    assert [(venue, outcome) for venue, outcome, _ in hearer.all("quoted")] == [
        ("good", Quoted.OK),
        ("better", Quoted.OK),
    ]
    assert [again for _, again in hearer.all("sent")] == [False]
    assert not hearer.all("taken_over")


async def test_a_replay_is_no_new_order():
    hearer = Hearer()
    engine = Watched(hearer).engine
    for _ in range(2):
        await engine.place(request(), "key")
    assert len(hearer.all("accepted")) == 1


async def test_every_way_in_which_a_venue_fails_is_told_as_what_it_is():
    async def refuse(_: QuoteRequest) -> Quote:
        raise NoRoute("not this pair")

    async def fail(_: QuoteRequest) -> Quote:
        raise VenueUnavailable("down")

    async def break_(_: QuoteRequest) -> Quote:
        raise RuntimeError

    async def lie(_: QuoteRequest) -> Any:
        return "a quote"

    async def hang(_: QuoteRequest) -> Quote:
        await asyncio.Event().wait()
        raise AssertionError

    ways = {"refuses": refuse, "fails": fail, "breaks": break_, "lies": lie, "hangs": hang}
    hearer = Hearer()
    await Watched(hearer, *(FakeVenue(name, ask=way) for name, way in ways.items())).engine.preview(request())
    outcomes = {venue: outcome for venue, outcome, _ in hearer.all("quoted")}
    error = Quoted.ERROR
    assert outcomes == {"refuses": Quoted.REFUSED, "fails": error, "breaks": error, "lies": error, "hangs": Quoted.LATE}
    assert {venue: took for venue, _, took in hearer.all("quoted")}["hangs"] == 50


async def test_a_retry_a_resend_and_a_network_that_is_away_are_told():
    hearer = Hearer()
    watched = Watched(hearer, reverts=True)
    order = await watched.execute()
    codes = [move.failure.code for _, move in hearer.all("moved") if move.failure]
    assert (order.status, codes) == (Status.FAILED, ["EXECUTION_ERROR"] * 3)

    class Impatient(Telemetry):
        def network_failed(self, order: Order) -> None:
            if len(hearer.all("sent")) == 3:
                watched.network.block_height += 1_000

    hearer = Hearer()
    watched = Watched(Contained(hearer, Impatient()), loses_replies=True, lands=False)
    await watched.execute()
    assert [again for _, again in hearer.all("sent")][:3] == [False, True, True]
    assert len(hearer.all("network_failed")) >= 3


async def test_an_order_that_a_dead_worker_had_is_told_of_by_whoever_takes_it_over():
    class Killed(BaseException):
        pass

    async def die(_: object) -> None:
        raise Killed

    dead, hearer = Hearer(), Hearer()
    watched = Watched(dead)
    order = await watched.engine.place(request())
    send, watched.network.send = watched.network.send, die
    with suppress(Killed):
        await watched.engine.run(order.id)
    watched.network.send = send
    watched.clock.advance(60_000)
    other = watched.another(hearer)
    (found,) = await other.sweep(10)
    await other.resume(found)
    assert [order.id for (order,) in hearer.all("taken_over")] == [order.id]
    assert [len(orders) for (orders,) in hearer.all("swept")] == [1]
    assert (await watched.store.get(order.id)).status is Status.CONFIRMED


async def test_who_cancels_tells_it():
    hearer = Hearer()
    engine = Watched(hearer).engine
    await engine.cancel((await engine.place(request())).id)
    ((before, move),) = hearer.all("moved")
    assert (before.status, move.order.status, move.failure.code) == (Status.PENDING, Status.FAILED, "CANCELLED")


class Broken(Telemetry):
    """Fails at whatever it is told."""

    def __init__(self) -> None:
        for name in METHODS:
            setattr(self, name, self._fail)

    def _fail(self, *_: object, **__: object) -> None:
        raise RuntimeError("hunter2")


async def test_a_telemetry_that_fails_harms_no_order_and_is_told_of_once(caplog: pytest.LogCaptureFixture):
    watched = Watched(Broken())
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert (await watched.execute()).status is Status.CONFIRMED
        assert await watched.engine.sweep(1) == []
    told = [record.__dict__ for record in caplog.records]
    assert sorted(record["call"] for record in told) == ["accepted", "moved", "quoted", "sent", "swept"]
    assert {(record["msg"], record["error"]) for record in told} == {("telemetry failed", "RuntimeError")}
    assert "hunter2" not in caplog.text


def test_one_that_fails_keeps_nothing_from_the_others():
    hearer = Hearer()
    Contained(Broken(), hearer).denied("halt")
    assert hearer.heard == [("denied", ("halt",))]


def test_what_nobody_takes_costs_no_call():
    assert vars(contained(SILENT)) == {}
    both = Contained(SILENT, Hearer())
    assert contained(both) is both
