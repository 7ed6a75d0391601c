"""The embedded mode, wired: everything in one process, on one SQLite file."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from dependency_injector import containers, providers

from bestfill.engine import Engine
from bestfill.engine.auditor import Auditor
from bestfill.errors import QueueError
from bestfill.runner import Runner
from bestfill.tokens import MAINNET, TokenList
from bestfill_adapters.container.common import (
    check_key,
    make_gateway,
    make_instruments,
    make_network,
    make_policy,
    make_seed,
)
from bestfill_adapters.container.mandate import make_mandate
from bestfill_adapters.limits.memory import MemoryLimiter
from bestfill_adapters.memory import MemoryNotifier, MemoryQueue
from bestfill_adapters.mock.network import MockNetwork
from bestfill_adapters.mock.sqlite_ledger import SqliteLedger
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.settings import Settings, SettingsError, load
from bestfill_adapters.sql.control.sqlite import SqliteControl
from bestfill_adapters.sql.file import DATABASE
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore
from bestfill_adapters.switch import OwnSwitch
from bestfill_adapters.system import SystemClock, SystemEntropy


def embedded_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings of the embedded mode.

    Raises:
        SettingsError: they are not valid, or ask for the deployed mode.
    """
    settings = load(environ)
    if settings.database_url is not None:
        raise SettingsError(["DATABASE_URL, REDIS_URL: are for the deployed mode; unset both for the embedded one"])
    return settings


def _database(data_dir: Path) -> Path:
    return data_dir / DATABASE


def _queue_check(runner: Runner) -> Callable[[], Awaitable[None]]:
    async def check() -> None:
        if not runner.running:
            raise QueueError("no worker takes orders")

    return check


def _queue_depth(runner: Runner) -> Callable[[], Awaitable[dict[str, int]]]:
    async def depth() -> dict[str, int]:
        return {"wakes": runner.waiting}

    return depth


class Embedded(containers.DeclarativeContainer):
    """Makes each part once, when it is first asked for. Tests override what they want to be different."""

    environ = providers.Callable(lambda: os.environ)  # a call, since a container copies the objects that it is given
    settings = providers.Singleton(embedded_settings, environ)
    clock = providers.Singleton(SystemClock)
    entropy = providers.Singleton(SystemEntropy)
    tokens = providers.Singleton(lambda: TokenList(MAINNET))
    policy = providers.Singleton(make_policy, settings)
    seed = providers.Singleton(make_seed, settings)

    gateway = providers.Singleton(make_gateway, settings, clock)
    venue_context = providers.Singleton(
        VenueContext, clock=clock, seed=seed, settings=settings, environ=environ, solana=gateway
    )
    venues = providers.Singleton(load_venues, settings.provided.venues, venue_context)
    instruments = providers.Singleton(make_instruments, settings, venues)
    telemetry = instruments.provided.telemetry

    sqlite_file = providers.Singleton(SqliteFile, providers.Callable(_database, settings.provided.data_dir))
    store = providers.Singleton(SqliteStore, sqlite_file, telemetry)
    control = providers.Singleton(SqliteControl, sqlite_file)
    auditor = providers.Singleton(Auditor, control, clock, telemetry=telemetry)
    switch = providers.Singleton(OwnSwitch, providers.Factory(SqliteControl, sqlite_file))
    queue = providers.Singleton(MemoryQueue)
    notifier = providers.Singleton(MemoryNotifier)
    limiter = providers.Singleton(MemoryLimiter)

    ledger = providers.Singleton(SqliteLedger, sqlite_file)
    mock_network = providers.Singleton(MockNetwork, ledger, clock, settings.provided.mock, seed)
    network = providers.Singleton(make_network, settings, venues, gateway, mock_network.provider)

    mandate = providers.Singleton(make_mandate, settings, tokens, venues)
    engine = providers.Singleton(
        Engine,
        store=store,
        queue=queue,
        notifier=notifier,
        network=network,
        venues=venues,
        clock=clock,
        entropy=entropy,
        policy=policy,
        telemetry=telemetry,
        make_mandate=mandate.provider,
        control=control,
        switch=switch,
        auditor=auditor,
    )
    runner = providers.Singleton(Runner, engine, settings.provided.concurrency, switch=switch)
    queue_check = providers.Singleton(_queue_check, runner)
    queue_depth = providers.Singleton(_queue_depth, runner)


async def start(container: Embedded) -> None:
    """Take the data folder, bring its tables up to date, and work on what is due and on what is woken.

    Raises:
        SettingsError: a setting, a venue plugin or a pool does not do.
        StoreError: the data folder cannot be used, or another process has it.
        NetworkUnavailable: no Solana node answers.
    """
    container.check_dependencies()
    check_key(container.settings())
    runner = container.runner()  # makes everything, so that a bad setting is found before the disk is touched
    if container.gateway() is None:
        container.mandate()
    async with AsyncExitStack() as undo:
        file = container.sqlite_file()
        file.acquire()
        undo.callback(file.release)
        await asyncio.to_thread(migrate, file.url)
        container.store().start(container.clock().now())
        undo.callback(container.store().close)
        undo.push_async_callback(container.control().close)
        await container.control().start()
        container.auditor().start()
        undo.push_async_callback(container.auditor().close)
        await container.switch().start()
        undo.push_async_callback(container.switch().close)
        if (gateway := container.gateway()) is None:
            container.ledger().start()
            undo.callback(container.ledger().close)
        else:
            undo.push_async_callback(gateway.close)
            await gateway.start(container.tokens())
        container.mandate()  # on Solana, the tokens that it may name are known only now
        instruments = container.instruments()
        instruments.watch_runner(runner)
        instruments.watch_control(container.switch(), container.auditor())
        instruments.start()
        container.queue().consume(runner.offer)
        runner.start()
        undo.pop_all()


async def stop(container: Embedded, grace_s: float) -> None:
    """Let what is in hand go on for the grace period, then close everything, also if a part of that fails."""
    async with AsyncExitStack() as last_to_first:
        last_to_first.callback(container.sqlite_file().release)
        last_to_first.push_async_callback(container.instruments().close)
        if container.gateway() is None:
            last_to_first.callback(container.ledger().close)
        last_to_first.push_async_callback(container.control().close)
        last_to_first.push_async_callback(container.auditor().close)
        last_to_first.push_async_callback(container.switch().close)
        last_to_first.callback(container.store().close)
        last_to_first.callback(container.notifier().close)
        last_to_first.push_async_callback(container.network().close)
        last_to_first.callback(container.queue().close)
        last_to_first.push_async_callback(container.runner().drain, grace_s)
