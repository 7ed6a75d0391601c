"""The API with the engine, mock venues and mock chain, in a time and with a chance that are the same in each run."""

import asyncio
import secrets
import selectors
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest.mock import patch

import httpx
from attrs import frozen
from dependency_injector import providers
from litestar import Litestar
from msgspec.structs import replace

from bestfill.access import ID_BITS, SECRET_BITS, ApiKey, Scope, key_text, read_key
from bestfill.audit import AuditFact
from bestfill.engine.switch import Switch
from bestfill.ports import Clock, ControlStore, Network
from bestfill.testing.clock import SeededEntropy
from bestfill.testing.control import MemoryControl
from bestfill.testing.store import MemoryStore
from bestfill.units import Millis
from bestfill_adapters.container import Embedded
from bestfill_adapters.limits import Rate
from bestfill_adapters.limits.memory import MemoryLimiter
from bestfill_adapters.mock.ledger import MemoryLedger
from bestfill_adapters.settings import AccessSettings, LimitSettings, MockSettings, Settings
from bestfill_api.app import create_app

BEGIN: Final = 1_765_880_000_000
"""2025-12-16T10:13:20Z."""

T = TypeVar("T")


class Timeless(asyncio.SelectorEventLoop):
    """An event loop that never waits: when nothing is ready, it is the time of the next timer.

    The simulator's has less of a loop than Litestar and anyio need.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        """Give the time that has passed here."""
        return self.now_s


class _Impatient(selectors.SelectSelector):
    def __init__(self, loop: Timeless) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is ready and no time is awaited")
        self._loop.now_s += timeout
        return super().select(0)


class LoopClock(Clock):
    """Tells the running loop's time, which begins at BEGIN."""

    def now(self) -> Millis:
        """Give it to the millisecond: floats add up to no exact time."""
        return Millis(BEGIN + round(asyncio.get_running_loop().time() * 1000))

    async def sleep_until(self, moment: Millis) -> None:
        """Return at that time."""
        await asyncio.sleep(max(0, moment - self.now()) / 1000)


@frozen
class House:
    """An API to ask."""

    app: Litestar
    http: httpx.AsyncClient
    clock: Clock
    control: ControlStore


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run something in a time of its own. Not to be called from a running loop."""
    with asyncio.Runner(loop_factory=Timeless) as runner:
        return runner.run(work)


def openapi() -> dict[str, Any]:
    """Give the OpenAPI document."""

    async def document() -> dict[str, Any]:
        async with opened() as house:
            return house.app.openapi_schema.to_schema()

    return run(document())


@asynccontextmanager
async def opened(
    network: Network | None = None, mock: MockSettings | None = None, settings: Settings | None = None
) -> AsyncIterator[House]:
    """Open the embedded mode over memory alone; by default the mock venues take what they take by default."""
    container, clock = Embedded(), LoopClock()
    settings = replace(settings or Settings(), data_dir=Path("/nowhere"), mock=mock or MockSettings(seed="documents"))
    container.settings.override(settings)
    container.clock.override(clock)
    container.entropy.override(SeededEntropy(1))
    container.store.override(MemoryStore())
    container.ledger.override(MemoryLedger())
    container.control.override(MemoryControl())
    container.switch.override(providers.Singleton(Switch, container.control, _now_s))
    container.limiter.override(MemoryLimiter(lambda: clock.now() * 1_000))
    if network is not None:
        container.network.override(network)
    # The counters note when they were made.
    with patch("prometheus_client.metrics.time", SimpleNamespace(time=lambda: clock.now() / 1000)):
        app = create_app(container, _running)
        transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - Litestar's types are narrower
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3000") as http:
            yield House(app, http, clock, container.control())


@asynccontextmanager
async def guarded() -> AsyncIterator[House]:
    """Open one that asks for keys, and takes few orders and previews at once."""
    access, limits = AccessSettings(auth="keys"), LimitSettings(orders=Rate(5, 60))
    async with opened(settings=Settings(access=access, limits=limits)) as house:
        yield house


async def trade_key(control: ControlStore, user_id: str) -> str:
    """Make a key of a user's that may trade, and give its text."""
    text = key_text(secrets.randbits(ID_BITS), secrets.randbits(SECRET_BITS))
    key_id, digest = read_key(text)
    scopes = frozenset({Scope.TRADE})
    fact = AuditFact(at=Millis(0), actor="operator", origin="cli", action="key.create", subject=key_id)
    await control.add_key(ApiKey(id=key_id, digest=digest, user_id=user_id, scopes=scopes, created_at=Millis(0)), fact)
    return text


def _now_s() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def _running(container: Embedded) -> AsyncIterator[None]:
    runner, queue = container.runner(), container.queue()
    queue.consume(runner.offer)
    await container.switch().start()
    runner.start()
    try:
        yield
    finally:
        await container.switch().close()
        await runner.drain(0)
        queue.close()
        container.notifier().close()
