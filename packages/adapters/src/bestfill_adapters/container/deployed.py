"""The deployed mode, wired: any number of processes on one PostgreSQL and one Redis or Valkey.

An API accepts orders and wakes workers; each worker has a runner. Both need the same parts.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from dependency_injector import containers, providers

from bestfill.engine import Engine
from bestfill.engine.auditor import Auditor
from bestfill.runner import Runner
from bestfill.tokens import MAINNET, TokenList
from bestfill_adapters.container.common import make_gateway, make_instruments, make_network, make_policy, make_seed
from bestfill_adapters.container.mandate import make_mandate
from bestfill_adapters.dramatiq import DramatiqQueue
from bestfill_adapters.limits.redis import RedisLimiter
from bestfill_adapters.mock.network import MockNetwork
from bestfill_adapters.mock.postgres_ledger import PostgresLedger
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.redis import RedisNotifier
from bestfill_adapters.settings import Settings, SettingsError, load
from bestfill_adapters.sql.control.postgres import PostgresControl
from bestfill_adapters.sql.postgres import PostgresStore
from bestfill_adapters.switch import OwnSwitch
from bestfill_adapters.system import SystemClock, SystemEntropy

OVERDUE_MS: Final = 2_000
"""Wakes may take so long from process to process; a sweep before that would snatch orders from those who have them."""


def deployed_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings of the deployed mode.

    Raises:
        SettingsError: they are not valid, or ask for the embedded mode.
    """
    settings = load(environ)
    if settings.database_url is None or settings.redis_url is None:
        raise SettingsError(
            ["DATABASE_URL, REDIS_URL: both must be set for this; without them, the API runs orders by itself"]
        )
    return settings


class Deployed(containers.DeclarativeContainer):
    """Makes each part once, when it is first asked for. Tests override what they want to be different."""

    environ = providers.Callable(lambda: os.environ)  # a call, since a container copies the objects that it is given
    settings = providers.Singleton(deployed_settings, environ)
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

    store = providers.Singleton(PostgresStore, settings.provided.database_url, telemetry=telemetry)
    control = providers.Singleton(PostgresControl, settings.provided.database_url)
    auditor = providers.Singleton(Auditor, control, clock, telemetry=telemetry)
    switch = providers.Singleton(OwnSwitch, providers.Factory(PostgresControl, settings.provided.database_url))
    queue = providers.Singleton(DramatiqQueue, settings.provided.redis_url, settings.provided.concurrency)
    queue_check = queue.provided.ping
    queue_depth = queue.provided.depth
    notifier = providers.Singleton(RedisNotifier, settings.provided.redis_url)
    limiter = providers.Singleton(RedisLimiter, settings.provided.redis_url)

    ledger = providers.Singleton(PostgresLedger, settings.provided.database_url)
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
    runner = providers.Singleton(Runner, engine, settings.provided.concurrency, overdue_ms=OVERDUE_MS, switch=switch)


@asynccontextmanager
async def connected(container: Deployed) -> AsyncIterator[None]:
    """Open what the engine needs, and close it in the end, last to first, also if a part of that fails.

    PostgreSQL must be there, with all its tables; Redis may come later. No order is run: that is the runner's, which
    must have drained by the end.

    Raises:
        SettingsError: a setting, a venue plugin or a pool does not do.
        StoreError: the database cannot be reached, or its tables are not up to date.
        NetworkUnavailable: no Solana node answers.
    """
    container.check_dependencies()
    container.engine()  # makes everything, so that a bad setting is found before anything is opened
    if container.gateway() is None:
        container.mandate()
    async with AsyncExitStack() as last_to_first:
        instruments = container.instruments()
        instruments.start()
        instruments.watch_control(container.switch(), container.auditor())
        last_to_first.push_async_callback(instruments.close)
        instruments.watch_pools(
            {
                "postgres-readers": lambda: container.store().readers(),
                "redis-queue": lambda: container.queue().connections(),
            }
        )
        await container.store().start()
        last_to_first.push_async_callback(container.store().close)
        await container.control().start()
        last_to_first.push_async_callback(container.control().close)
        container.auditor().start()
        last_to_first.push_async_callback(container.auditor().close)
        await container.switch().start()
        last_to_first.push_async_callback(container.switch().close)
        if (gateway := container.gateway()) is None:
            await container.ledger().start()
            last_to_first.push_async_callback(container.ledger().close)
        last_to_first.push_async_callback(container.notifier().close)
        last_to_first.push_async_callback(container.limiter().close)
        container.queue().start()
        last_to_first.push_async_callback(container.queue().close)
        last_to_first.push_async_callback(container.network().close)
        if gateway is not None:
            await gateway.start(container.tokens())
        container.mandate()  # on Solana, the tokens that it may name are known only now
        yield
