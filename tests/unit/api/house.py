"""The API over ports that a test owns: nothing moves unless the test moves it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
from attrs import define
from dependency_injector import providers
from litestar import Litestar
from msgspec.structs import replace

from bestfill.events import OrderEvent
from bestfill.order import Attempt, Order, Status
from bestfill.ports import Venue
from bestfill.testing import samples
from bestfill.testing.clock import ManualClock, SeededEntropy
from bestfill.testing.control import MemoryControl
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.store import MemoryStore
from bestfill.transition import Transition
from bestfill.units import OrderId
from bestfill_adapters.container import Embedded
from bestfill_adapters.limits import Limiter
from bestfill_adapters.settings import Settings
from bestfill_api.app import create_app
from bestfill_api.container import Api
from bestfill_api.follow import Pace
from bestfill_api.turns import Turns

ORDER: dict[str, Any] = {
    "userId": "user-123",
    "tokenIn": "So11111111111111111111111111111111111111112",
    "tokenOut": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "amountIn": "1.5",
    "minAmountOut": "140",
    "slippageTolerance": 0.5,
}
UNKNOWN = "00000000-0000-7000-8000-000000000000"


def with_(**fields: object) -> dict[str, Any]:
    """Give the order with some fields changed."""
    return ORDER | fields


def without(*names: str) -> dict[str, Any]:
    """Give the order without some fields."""
    return {name: value for name, value in ORDER.items() if name not in names}


_NEXT: dict[Status, Callable[[Order, Attempt], Transition]] = {
    Status.ROUTING: samples.chosen,
    Status.BUILDING: samples.submitted,
    Status.SUBMITTED: samples.landed,
}


@define
class House:
    """An API and what it stands on."""

    container: Embedded
    api: Api
    app: Litestar
    store: MemoryStore
    notifier: FakeNotifier
    queue: FakeQueue
    network: FakeNetwork
    clock: ManualClock
    control: MemoryControl
    http: httpx.AsyncClient

    async def place(self, **fields: object) -> OrderId:
        """Place an order over HTTP."""
        answer = await self.http.post("/api/orders/execute", json=with_(**fields))
        assert answer.status_code == 202, answer.text
        return OrderId(answer.json()["orderId"])

    async def run(self, order_id: OrderId) -> Order:
        """Let the engine take it as far as it goes."""
        await self.container.engine().run(order_id)
        return await self.store.get(order_id)

    async def move(self, order_id: OrderId, to: Status) -> list[OrderEvent]:
        """Move it on step by step, without the engine, and give the events."""
        told: list[OrderEvent] = []
        order = await self.store.get(order_id)
        while order.status is not to:
            attempt = await self.store.attempt(order_id, order.attempt)
            move = (
                samples.started(order)
                if order.status is Status.PENDING or attempt is None
                else _NEXT[order.status](order, attempt)
            )
            event = await self.store.commit(move)
            assert event is not None
            told.append(event)
            await self.notifier.publish([event])
            order = move.order
        return told

    async def placed(self) -> int:
        """Count the orders that were stored, of any user."""
        counts = await self.store.counts(self.clock.now())
        return counts.waiting + counts.delayed + counts.active + counts.completed + counts.failed


def build(
    store: MemoryStore | None = None,
    notifier: FakeNotifier | None = None,
    venues: tuple[Venue, ...] | None = None,
    pace: Pace | None = None,
    settings: Settings | None = None,
    works: bool = True,
    retry_s: float = 0.01,
    check_s: float = 3_600,
    limiter: Limiter | None = None,
    hosts: tuple[str, ...] = ("api",),
    turns: Turns | None = None,
) -> House:
    """Build the house; `works`: whether the runner says that it runs."""
    container = Embedded()
    clock, network, queue = ManualClock(auto=True), FakeNetwork(), FakeQueue()
    store, notifier, control = store or MemoryStore(), notifier or FakeNotifier(), MemoryControl()
    offers = (FakeVenue("raydium", 213_000_000, 3), FakeVenue("meteora", 211_000_000, 5))
    settings = settings or Settings(data_dir=Path("/nowhere"))
    access = replace(settings.access, hosts=(*hosts, *settings.access.hosts))
    container.settings.override(replace(settings, access=access))
    container.clock.override(clock)
    container.entropy.override(SeededEntropy(1))
    container.store.override(store)
    container.control.override(control)
    if limiter is not None:
        container.limiter.override(limiter)
    container.notifier.override(notifier)
    container.queue.override(queue)
    container.network.override(network)
    container.venues.override(list(venues or offers))
    container.switch.override(providers.Object(None))  # nobody starts it, so it would halt the engine
    container.runner.override(_Runner(works))
    api = Api(mode=container)
    api.dispatcher.add_kwargs(retry_s=retry_s, check_s=check_s)
    api.keeper.add_kwargs(look_s=3_600)
    if turns is not None:
        api.turns.override(providers.Object(turns))
    if pace is not None:
        api.pace.override(pace)
    app = create_app(container, lambda _: _nothing(), api)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")  # pyright: ignore[reportArgumentType]
    return House(container, api, app, store, notifier, queue, network, clock, control, http)


@asynccontextmanager
async def house(**wanted: Any) -> AsyncIterator[House]:
    """Build it, and keep it open."""
    built = build(**wanted)
    async with built.app.lifespan(), built.http:
        yield built


@define
class _Runner:
    running: bool
    waiting: int = 0


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    with nullcontext():
        yield
