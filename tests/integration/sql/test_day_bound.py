"""A user's bound on the day, raced for by hundreds of orders, in both modes."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bestfill.engine import Engine
from bestfill.errors import PolicyDenied
from bestfill.mandate import Mandate, day_of
from bestfill.order import Order
from bestfill.policy import ExecutionPolicy
from bestfill.testing.clock import ManualClock, SeededEntropy
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.samples import NOW, SOL, request
from bestfill_adapters.container import Embedded, start, stop
from bestfill_adapters.settings import MandateSettings, MockSettings, Settings
from bestfill_adapters.sql.control.postgres import PostgresControl
from bestfill_adapters.sql.postgres import PostgresStore

pytestmark = pytest.mark.anyio

RACERS = 200
FIT = 7
AMOUNT = 1_500_000_000
MOST = FIT * AMOUNT + AMOUNT - 1


async def race(*engines: Engine) -> list[Order]:
    """Have all placed at once, and see that as many are accepted as fit, and all others denied."""
    placing = (engines[number % len(engines)].place(request(), f"key {number}") for number in range(RACERS))
    done = await asyncio.gather(*placing, return_exceptions=True)
    accepted = [order for order in done if isinstance(order, Order)]
    denied = [error for error in done if isinstance(error, PolicyDenied)]
    assert (len(accepted), len(denied)) == (FIT, RACERS - FIT), [error for error in done if error not in denied]
    assert {error.rule for error in denied} == {"BESTFILL_MAX_NOTIONAL_DAY"}
    return accepted


async def test_in_the_embedded_mode_a_day_is_filled_to_the_last_order_that_fits(tmp_path: Path):
    container = Embedded()
    bound = MandateSettings(max_notional_day=(("SOL", f"{MOST // 10**9}.{MOST % 10**9}"),))
    mock = MockSettings(quote_ms=(0, 0), confirm_ms=(0, 0), seed="race")
    container.settings.override(Settings(data_dir=tmp_path, mandate=bound, mock=mock))
    await start(container)
    try:
        async with container.notifier().subscribe() as events:
            accepted = await race(container.engine())
            left = {order.id for order in accepted}
            async with asyncio.timeout(30):
                while left:
                    left -= {event.order_id for event in await anext(events) if event.status.terminal}
        day = day_of(accepted[0].created_at)
        assert await container.control().reserved("user-123", day, SOL.mint) == FIT * AMOUNT
    finally:
        await stop(container, 5)


async def test_over_two_apis_a_day_is_filled_to_the_last_order_that_fits(migrated_url: str):
    async with AsyncExitStack() as last_to_first:
        engines: list[Engine] = []
        for number in range(2):
            store, control = PostgresStore(migrated_url), PostgresControl(migrated_url)
            await store.start()
            last_to_first.push_async_callback(store.close)
            last_to_first.push_async_callback(control.close)
            engine = Engine(
                store=store,
                queue=FakeQueue(),
                notifier=FakeNotifier(),
                network=FakeNetwork(),
                venues=[FakeVenue()],
                clock=ManualClock(NOW),
                entropy=SeededEntropy(number),
                policy=ExecutionPolicy(),
                make_mandate=lambda: Mandate(max_notional_day={SOL.mint: MOST}),
                control=control,
            )
            engines.append(engine)
        accepted = await race(*engines)
        assert await control.reserved("user-123", day_of(NOW), SOL.mint) == FIT * AMOUNT
        for order in accepted:
            await engines[0].cancel(order.id)
        assert await control.reserved("user-123", day_of(NOW), SOL.mint) == 0
