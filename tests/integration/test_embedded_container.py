"""The embedded mode as it is wired."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dependency_injector import providers

from bestfill.errors import StoreError
from bestfill.events import OrderEvent, fold, without_engine_fields
from bestfill.order import Order, OrderRequest, Status
from bestfill.testing.fakes import FakeVenue
from bestfill.testing.samples import request
from bestfill.units import OrderId, Signature
from bestfill_adapters.container import DATABASE, Embedded, start, stop
from bestfill_adapters.settings import MockSettings, Settings, SettingsError

Events = AsyncIterator[Sequence[OrderEvent]]


def embedded(data_dir: Path, venues: tuple[str, ...] = ("mock_raydium", "mock_meteora"), **mock: object) -> Embedded:
    knobs = {"quote_ms": (0, 0), "confirm_ms": (0, 0), "seed": "seed", **mock}
    container = Embedded()
    container.settings.override(Settings(data_dir=data_dir, venues=venues, mock=MockSettings(**knobs)))  # pyright: ignore[reportArgumentType]
    return container


@asynccontextmanager
async def running(data_dir: Path, grace_s: float = 20, confirm_ms: tuple[int, int] = (0, 0)) -> AsyncIterator[Embedded]:
    container = embedded(data_dir, confirm_ms=confirm_ms)
    await start(container)
    try:
        yield container
    finally:
        await stop(container, grace_s)


async def until(events: Events, done: Callable[[OrderEvent], bool]) -> list[OrderEvent]:
    """Read until an event of this kind has come."""
    seen: list[OrderEvent] = []
    async with asyncio.timeout(30):
        async for batch in events:
            assert batch, "events were lost"
            seen += batch
            if any(map(done, batch)):
                return seen
    raise AssertionError("the subscription ended first")


async def place_and_wait(container: Embedded, asked: OrderRequest, status: Status) -> tuple[OrderId, list[OrderEvent]]:
    async with container.notifier().subscribe() as events:
        order = await container.engine().place(asked)
        seen = await until(events, lambda e: e.order_id == order.id and e.status is status)
    return order.id, seen


async def closed(container: Embedded) -> None:
    """Check that nothing of a stopped container goes on."""
    with pytest.raises(StoreError):
        await container.store().ping()
    with pytest.raises(StoreError):
        await container.ledger().find(Signature("1"))
    async with container.notifier().subscribe() as events:
        assert [batch async for batch in events] == []


async def check(container: Embedded, order_id: OrderId) -> Order:
    """Give the order, which must equal the fold of its events."""
    order = await container.store().get(order_id)
    events = await container.store().events(order_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert without_engine_fields(order) == fold(events)
    return order


async def test_an_order_is_confirmed_and_is_there_after_a_restart(tmp_path: Path):
    async with running(tmp_path) as container:
        order_id, seen = await place_and_wait(container, request(), Status.CONFIRMED)
        assert [event.status for event in seen] == ["pending", "routing", "building", "submitted", "confirmed"]
        order = await check(container, order_id)
        assert order.tx_hash is not None
        landing = await container.ledger().find(order.tx_hash)
        assert landing is not None and landing.order_id == order_id
        assert order.amount_out == landing.amount_out >= 140_000_000
        assert order.dex_selected in {"raydium", "meteora"}
    async with running(tmp_path) as container:
        assert without_engine_fields(await check(container, order_id)) == without_engine_fields(order)
        assert await container.ledger().find(order.tx_hash) == landing


async def test_what_is_in_hand_when_it_stops_is_finished_after_the_restart(tmp_path: Path):
    async with running(tmp_path, grace_s=0, confirm_ms=(600_000, 600_000)) as container:
        order_id, _ = await place_and_wait(container, request(), Status.SUBMITTED)
        assert not (await check(container, order_id)).status.terminal
    # Nothing can land any more by then: the swap was never recorded, and is sent again.
    container = embedded(tmp_path)
    async with container.notifier().subscribe() as events:
        await start(container)
        try:
            await until(events, lambda event: event.order_id == order_id and event.status is Status.CONFIRMED)
            assert (await check(container, order_id)).attempt == 1
        finally:
            await stop(container, 20)


async def test_many_orders_at_once_all_end_and_each_swaps_once(tmp_path: Path):
    async with running(tmp_path) as container, container.notifier().subscribe() as events:
        orders = await asyncio.gather(*(container.engine().place(request(user_id=f"u{n}")) for n in range(50)))
        open_orders = {order.id for order in orders}

        def ended(event: OrderEvent) -> bool:
            if event.status.terminal:
                open_orders.discard(event.order_id)
            return not open_orders

        await until(events, ended)
        ended_orders = [await check(container, order.id) for order in orders]
        assert {order.status for order in ended_orders} == {Status.CONFIRMED}
        assert len({order.tx_hash for order in ended_orders}) == 50


async def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path):
    async with running(tmp_path) as first:
        with pytest.raises(StoreError, match="in use"):
            await start(embedded(tmp_path))
        await place_and_wait(first, request(), Status.CONFIRMED)


async def test_a_start_that_fails_gives_everything_back(tmp_path: Path):
    (tmp_path / DATABASE).write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError):
        await start(embedded(tmp_path))
    (tmp_path / DATABASE).unlink()
    async with running(tmp_path) as container:
        await place_and_wait(container, request(), Status.CONFIRMED)


async def test_a_bad_setting_is_found_before_the_disk_is_touched(tmp_path: Path):
    with pytest.raises(SettingsError, match="'no_such_venue' is not installed"):
        await start(embedded(tmp_path / "data", venues=("no_such_venue",)))
    assert not (tmp_path / "data").exists()


class Stuck:
    """A runner that runs nothing and can't be drained."""

    def __init__(self) -> None:
        self.offered: asyncio.Queue[Sequence[OrderId]] = asyncio.Queue()
        self.started = False

    def offer(self, order_ids: Sequence[OrderId]) -> None:
        self.offered.put_nowait(order_ids)

    def start(self) -> None:
        self.started = True

    async def drain(self, grace_s: float) -> None:
        raise RuntimeError("stuck")


async def test_a_placed_order_is_woken_at_once_and_everything_is_closed_even_if_draining_fails(tmp_path: Path):
    container, stuck = embedded(tmp_path), Stuck()
    container.runner.override(providers.Callable(lambda: stuck))
    await start(container)
    assert stuck.started
    order = await container.engine().place(request())
    assert list(await asyncio.wait_for(stuck.offered.get(), 30)) == [order.id]
    with pytest.raises(RuntimeError, match="stuck"):
        await stop(container, 0)
    await closed(container)
    await container.queue().wake([order.id])
    await asyncio.sleep(0)
    assert stuck.offered.empty()
    async with running(tmp_path):
        pass


async def test_stopping_waits_for_what_the_network_has_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    closed_while_ledger_was_open: list[bool] = []

    async def close() -> None:
        closed_while_ledger_was_open.append(await container.ledger().find(Signature("1")) is None)

    container = embedded(tmp_path)
    await start(container)
    monkeypatch.setattr(container.network(), "close", close)
    await stop(container, 20)
    assert closed_while_ledger_was_open == [True]


async def test_any_part_can_be_replaced(tmp_path: Path):
    container = embedded(tmp_path)
    container.venues.override([FakeVenue("own", 250_000_000)])
    await start(container)
    try:
        order_id, _ = await place_and_wait(container, request(), Status.CONFIRMED)
        order = await check(container, order_id)
        assert (order.dex_selected, order.amount_out) == ("own", 250_000_000)
    finally:
        await stop(container, 20)


def test_without_a_seed_each_process_draws_its_own_and_all_its_parts_share_it(tmp_path: Path):
    one, other = embedded(tmp_path, seed=None), embedded(tmp_path, seed=None)
    assert one.seed() != other.seed()
    assert one.seed() == one.venue_context().seed
    assert embedded(tmp_path).seed() == "seed"


def test_the_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    environ = {
        "PORT": "0",
        "BESTFILL_CONCURRENCY": "7",
        "BESTFILL_ORDER_TTL_S": "9",
        "BESTFILL_MAX_SLIPPAGE": "2.5",
        "BESTFILL_QUOTE_TIMEOUT_MS": "1234",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    container = Embedded()
    assert (container.settings().port, container.runner().concurrency) == (0, 7)
    policy = container.policy()
    assert (policy.order_ttl_ms, policy.max_slippage_bps, policy.quote_timeout_ms) == (9_000, 250, 1_234)


def test_the_deployed_mode_is_refused_without_showing_its_passwords():
    container = Embedded()
    urls = {"DATABASE_URL": "postgresql://u:hunter2@h/d", "REDIS_URL": "redis://:hunter2@h"}
    container.environ.override(urls)
    with pytest.raises(SettingsError, match="unset both for the embedded") as caught:
        container.settings()
    assert "hunter2" not in str(caught.value)
