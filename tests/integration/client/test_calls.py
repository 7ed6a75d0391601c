"""Every call against the real API: what it answers is what the client's types say."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from bestfill.testing.store import MemoryStore
from bestfill_api import dto
from bestfill_api.server import bind
from bestfill_client import AsyncBestfill, Bestfill, Event, NotFound, NotValid, Patience, TimedOut, TooLate, models
from bestfill_client.models import Wire
from tests.integration.api.test_server import Served, served

UNKNOWN = "00000000-0000-7000-8000-000000000000"
ODD = "a/ü &+%=?#\"'<b>\N{SNOWMAN}"


def test_an_order_is_placed_followed_and_read_back_by_a_user_of_any_name(url: str) -> None:
    with Bestfill(url, user_id=ODD) as client:
        stream = client.watch_user()
        soon = datetime.now(UTC) + timedelta(minutes=5)
        accepted = client.submit(
            "SOL", "USDC", Decimal("1.50"), min_amount_out=100, slippage=Decimal("0.5"), expires_at=soon
        )
        told = list(client.watch(accepted.order_id))
        assert [event.seq for event in told] == [1, 2, 3, 4, 5]
        assert [next(stream) for _ in told] == told
        stream.close()
        assert list(client.watch(accepted.order_id, since=3)) == told[3:]
        assert list(client.watch(accepted.order_id, since=5)) == []
        assert client.events(accepted.order_id) == tuple(told)
        order = client.wait(accepted.order_id, timeout_s=0)
        assert (order.user_id, order.amount_in, order.min_amount_out) == (ODD, "1.5", "100")
        assert (order.slippage_bps, order.status, order.seq) == (50, "confirmed", 5)
        page = client.orders(limit=1)
        assert (page.orders, page.total, page.user_seq) == ((order,), 1, 5)
        (attempt,) = client.executions(order.id)
        assert (attempt.signature, attempt.outcome) == (order.tx_hash, "landed")


def test_the_same_key_gives_the_same_order_and_another_order_with_it_is_refused(url: str) -> None:
    with Bestfill(url, user_id="keys") as client:
        first = client.submit("SOL", "USDC", 1, idempotency_key="a key")
        assert client.submit("SOL", "USDC", 1, idempotency_key="a key") == first
        with pytest.raises(TooLate) as caught:
            client.submit("SOL", "USDC", 2, idempotency_key="a key")
        assert (caught.value.in_doubt, client.orders().total) == (False, 1)


def test_figures_tokens_and_quotes_are_read(url: str) -> None:
    with Bestfill(url) as client:
        assert client.ready().status == "ok"
        assert client.queue_stats().concurrency == 10
        assert client.socket_stats().connections >= 0
        assert {"SOL", "USDC"} <= {token.symbol for token in client.tokens()}
        assert client.activity().steps
        preview = client.quote("SOL", "USDC", "1.5", slippage_bps=50)
        assert {quote.dex for quote in preview.quotes} == {"raydium", "meteora"}
        assert preview.chosen


def test_refusals_are_errors_of_their_own(url: str) -> None:
    with Bestfill(url, user_id="u") as client:
        with pytest.raises(NotValid) as invalid:
            client.submit("SOL", "SOL", "0.0000000001")
        assert set(invalid.value.field_errors) == {"tokenOut", "amountIn"}
        for call in (client.order, client.events, client.executions, client.cancel, client.wait):
            with pytest.raises(NotFound, match="there is no such order"):
                call(UNKNOWN)
        with pytest.raises(NotFound, match="there is no such order"):
            next(client.watch(UNKNOWN))
        with pytest.raises(NotValid, match="since is ahead"):
            next(client.watch_user(since=1_000_000))


async def test_an_order_is_waited_for_in_vain_and_cancelled() -> None:
    async with served() as api, AsyncBestfill(where(api), user_id="u") as client:
        accepted = await client.submit("SOL", "USDC", 1)
        with pytest.raises(TimedOut, match="is still pending"):
            await client.wait(accepted.order_id, timeout_s=0.2)
        waiting = asyncio.create_task(client.wait(accepted.order_id))
        await api.until(connections=1)
        cancelled = await client.cancel(accepted.order_id)
        assert (cancelled.status, cancelled.error_code) == ("failed", "CANCELLED")
        assert await asyncio.wait_for(waiting, 20) == cancelled
        with pytest.raises(TooLate):
            await client.cancel(accepted.order_id)


async def test_a_stream_goes_on_after_the_api_has_stopped_and_come_back() -> None:
    store = MemoryStore()
    async with served(store=store) as api:
        address, order_id = api.address, await api.house.place()
        client = AsyncBestfill(where(api), patience=Patience(first_s=0.01, longest_s=0.1))
        following = client.watch(order_id)
        told = [await anext(following)]
    async with client:
        rest = asyncio.create_task(everything(following))
        async with served(bind(*address), store=store) as api:
            await api.house.run(order_id)
            told += await asyncio.wait_for(rest, 20)
    assert [event.seq for event in told] == [1, 2, 3, 4, 5]


def where(api: Served) -> str:
    return f"http://{api.address[0]}:{api.address[1]}"


async def everything(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (models.Accepted, dto.Accepted), (models.Order, dto.OrderView), (models.OrderPage, dto.OrderList),
        (models.Event, dto.EventMessage), (models.Quote, dto.QuoteView), (models.Leg, dto.LegView),
        (models.Execution, dto.Execution), (models.Preview, dto.Preview), (models.QueueStats, dto.QueueStats),
        (models.SocketStats, dto.SocketStats), (models.Health, dto.Health), (models.Token, dto.TokenView),
        (models.Activity, dto.ActivityView), (models.ActivityStep, dto.ActivityStep), (models.Refusal, dto.Refusal),
        (models.VenueActivity, dto.VenueActivity),
    ],
)  # fmt: skip
def test_the_clients_types_have_every_field_that_the_api_sends(ours: type[Wire], theirs: type[msgspec.Struct]) -> None:
    mine = set(ours.__struct_encode_fields__) - {"idempotencyKey"}
    assert mine == set(theirs.__struct_encode_fields__) - {"event"}
