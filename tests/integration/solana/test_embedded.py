"""The embedded mode on a cluster, in this process; and without Solana's libraries, as they are not always installed."""

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from attrs import evolve
from dependency_injector import providers

from bestfill.errors import NetworkUnavailable
from bestfill.order import Order, OrderRequest, Status
from bestfill.units import BaseUnits, Bps, OrderId
from bestfill_adapters.container import Embedded, start, stop
from bestfill_adapters.settings import Settings, load
from bestfill_adapters.solana.gateway import Gateway
from bestfill_adapters.system import SystemClock
from tools.cluster.cluster import VENUES, Cluster, write_keypair
from tools.cluster.rules import Rules
from tools.cluster.transport import ClusterTransport


class Way(ClusterTransport):
    """The way to a cluster; notes that it was closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


class Place:
    """A cluster in this process, whose blocks come quickly."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster(SystemClock().now, 3, Rules(slot_ms=20, skipped=0.0, confirmed=1, finalized=10))
        write_keypair(folder / "wallet.json", self.cluster.wallet)
        self.settings = load(
            {
                "BESTFILL_SOLANA_RPC": "http://cluster/",
                "BESTFILL_SOLANA_KEYPAIR": str(folder / "wallet.json"),
                "BESTFILL_SOLANA_POOLS": str(self.cluster.pools_file(folder)),
                "BESTFILL_SOLANA_RPC_PER_S": "1000",
                "BESTFILL_DATA_DIR": str(folder / "data"),
                "BESTFILL_VENUES": ",".join(VENUES),
            }
        )
        self.way = Way(self.cluster)

    def container(self, way: httpx.AsyncBaseTransport | None = None) -> Embedded:
        made = Embedded()
        made.settings.override(providers.Object(self.settings))
        assert self.settings.solana
        made.gateway.override(providers.Object(Gateway(self.settings.solana, SystemClock(), way or self.way)))
        # Rather than wait for seconds for what takes a few of these blocks.
        made.policy.override(providers.Factory(evolve, made.policy(), first_poll_ms=20, longest_poll_ms=50))
        return made

    @asynccontextmanager
    async def running(self, grace_s: float = 20) -> AsyncIterator[Embedded]:
        container = self.container()
        await start(container)
        try:
            yield container
        finally:
            await stop(container, grace_s)

    def memos(self) -> list[str | None]:
        self.cluster.chain.advance()
        return [landed.memo for landed in self.cluster.chain.landed.values()]


async def placed(container: Embedded, sold: str = "SOL", bought: str = "tUSD") -> OrderId:
    tokens = container.tokens()
    asked = OrderRequest(
        user_id="u",
        token_in=tokens.resolve(sold),
        token_out=tokens.resolve(bought),
        amount_in=BaseUnits(10**8),
        slippage_bps=Bps(50),
    )
    return (await container.engine().place(asked)).id


async def until(container: Embedded, order_id: OrderId, *wanted: Status) -> Order:
    async with asyncio.timeout(30), container.notifier().subscribe() as events:
        while (order := await container.store().get(order_id)).status not in wanted:
            await anext(aiter(events))
    return order


async def test_an_order_goes_from_its_quotes_to_the_chain_and_back(tmp_path: Path):
    place = Place(tmp_path)
    async with place.running() as container:
        order = await until(container, await placed(container), Status.CONFIRMED)
        assert order.tx_hash in place.cluster.chain.landed
        assert place.memos() == [f"{order.id}/1"]
        (attempt,) = await container.store().executions(order.id)
        assert sorted(c.venue for c in attempt.quotes if c.quote) == sorted(VENUES)
        assert not place.way.closed
    assert place.way.closed == 1


async def test_a_swap_that_is_under_way_at_a_stop_is_told_after_the_restart_and_done_once(tmp_path: Path):
    place = Place(tmp_path)
    async with place.running(grace_s=0) as container:
        order_id = await placed(container)
        order = await until(container, order_id, Status.SUBMITTED)
    async with place.running() as container:
        again = await until(container, order_id, Status.CONFIRMED)
        assert again.tx_hash == order.tx_hash
    assert place.memos() == [f"{order_id}/1"]


async def refuse(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503)


async def test_a_start_without_a_node_gives_everything_back(tmp_path: Path):
    place, down = Place(tmp_path), Way(Place(tmp_path).cluster)
    down.handle_async_request = refuse
    with pytest.raises(NetworkUnavailable):
        await start(place.container(down))
    assert down.closed == 1
    async with place.running() as container:
        await until(container, await placed(container), Status.CONFIRMED)


BLOCKED = """
    import sys

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {"solders", "httpx"}:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Missing())
"""
ONE_ORDER = """
    import asyncio
    from pathlib import Path
    from bestfill.order import Status
    from bestfill.testing.samples import request
    from bestfill_adapters.container import Embedded, start, stop
    from bestfill_adapters.container.deployed import Deployed
    from bestfill_adapters.settings import MockSettings, Settings

    async def main():
        container = Embedded()
        mock = MockSettings(quote_ms=(0, 0), confirm_ms=(0, 0))
        container.settings.override(Settings(data_dir=Path(sys.argv[1]), mock=mock))
        await start(container)
        async with container.notifier().subscribe() as events:
            order = await container.engine().place(request())
            async for batch in events:
                if any(event.status.terminal for event in batch):
                    break
        assert (await container.store().get(order.id)).status is Status.CONFIRMED
        await stop(container, 10)

    asyncio.run(main())
    Deployed().environ()
"""


def run(folder: Path, *code: str) -> subprocess.CompletedProcess[str]:
    text = "".join(textwrap.dedent(part) for part in code)
    command = [sys.executable, "-c", text, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder)


def test_unless_it_is_configured_nothing_of_solana_is_imported(tmp_path: Path):
    names = """
        import bestfill_api.__main__, bestfill_worker.__main__, bestfill_worker.actors
        names = {name for name in sys.modules if name.startswith(("solders", "bestfill_adapters.solana"))}
        assert not names, names
    """
    done = run(tmp_path, "import sys", ONE_ORDER, names)
    assert done.returncode == 0, done.stderr


def test_the_mocks_need_none_of_solana_s_libraries(tmp_path: Path):
    done = run(tmp_path, BLOCKED, ONE_ORDER)
    assert done.returncode == 0, done.stderr


def test_without_the_libraries_the_mend_is_told(tmp_path: Path):
    (tmp_path / "pools.json").write_text("{}")
    code = """
        from bestfill_adapters.container import Embedded
        from bestfill_adapters.settings import SettingsError
        from dependency_injector import providers

        given = {
            "BESTFILL_SOLANA_RPC": "http://x/", "BESTFILL_SOLANA_KEYPAIR": "k", "BESTFILL_SOLANA_POOLS": "pools.json"
        }
        container = Embedded()
        container.environ.override(providers.Object(given))
        try:
            container.runner()
        except SettingsError as error:
            print(error)
    """
    done = run(tmp_path, BLOCKED, code)
    mend = "is not installed: install bestfill-adapters[solana], or unset this"
    assert done.stdout == f"BESTFILL_SOLANA_RPC: httpx {mend}\n", done.stderr


def test_settings_of_the_mocks_alone_make_no_gateway():
    container = Embedded()
    container.settings.override(providers.Object(Settings()))
    assert container.gateway() is None
