"""A worker that is cancelled while a store of files or servers writes its commit, which goes on without it."""

import asyncio

import pytest

from bestfill import transition as to
from bestfill.engine import Engine
from bestfill.errors import Conflict
from bestfill.events import OrderEvent
from bestfill.order import Order, Status, revised
from bestfill.policy import ExecutionPolicy
from bestfill.ports import OrderStore
from bestfill.testing.clock import ManualClock, SeededEntropy
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, request
from bestfill.transition import Transition

STEPS = [Status.ROUTING, Status.BUILDING, Status.SUBMITTED]


async def cut_short(store: OrderStore, step: Status, turns: int, monkeypatch: pytest.MonkeyPatch) -> Order:
    """Cancel a run some turns of the loop after it began to commit this step; give what is stored then."""
    committing, commit = asyncio.Event(), store.commit

    async def tell(move: Transition) -> OrderEvent | None:
        if move.event is not None and move.event.status is step:
            committing.set()
        return await commit(move)

    monkeypatch.setattr(store, "commit", tell)
    engine = Engine(
        store=store,
        queue=FakeQueue(),
        notifier=FakeNotifier(),
        network=FakeNetwork(),
        venues=[FakeVenue("raydium", 212_999_999)],
        clock=ManualClock(NOW),
        entropy=SeededEntropy(turns),
        policy=ExecutionPolicy(),
    )
    order = await engine.place(request())
    run = asyncio.create_task(engine.run(order.id))
    await committing.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    run.cancel()
    await asyncio.wait([run])
    with pytest.raises(Conflict):  # what was begun before has been done by then
        await commit(to.hold(revised(order, version=99), NOW))
    return await check_order(store, order.id)


@pytest.mark.parametrize("step", STEPS)
async def test_a_lease_is_given_back_whatever_the_file_has_of_the_commit(store, step, monkeypatch):
    for turns in range(4):
        order = await cut_short(store, step, turns, monkeypatch)
        assert order.status.terminal or order.wake_at <= NOW, f"{turns} turns"


@pytest.mark.parametrize("step", STEPS)
async def test_a_lease_is_given_back_whatever_the_server_has_of_the_commit(pg_store, step, monkeypatch):
    for turns in range(4):
        order = await cut_short(pg_store, step, turns, monkeypatch)
        assert order.status.terminal or order.wake_at <= NOW, f"{turns} turns"
