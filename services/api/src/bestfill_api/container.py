"""The API, wired over the parts of a mode."""

from collections.abc import Awaitable, Callable, Sequence

from dependency_injector import containers, providers

from bestfill.engine.auditor import Auditor
from bestfill.ports import Clock, ControlStore, OrderStore, Venue
from bestfill_adapters.settings import Settings, SettingsError
from bestfill_api.activity import Activity
from bestfill_api.edge import Edge
from bestfill_api.edge.identity import Identity
from bestfill_api.edge.jwts import Tokens
from bestfill_api.edge.keeper import Keeper
from bestfill_api.edge.keyring import Keyring
from bestfill_api.edge.limit import Allowance
from bestfill_api.feed import Dispatcher
from bestfill_api.follow import Pace
from bestfill_api.health import Checks
from bestfill_api.intake import Intake
from bestfill_api.metrics import Metrics
from bestfill_api.record import Record
from bestfill_api.stream import Sockets
from bestfill_api.turns import Turns


def _checks(store: OrderStore, queue_check: Callable[[], Awaitable[None]]) -> Checks:
    return {"store": store.ping, "queue": queue_check}


def _names(venues: Sequence[Venue]) -> list[str]:
    return [venue.name for venue in venues]


def _identity(settings: Settings, control: ControlStore, clock: Clock) -> Identity | None:
    access = settings.access
    if access.auth == "keys":
        return Keyring(control, clock)
    if access.auth == "jwt" and access.jwks and access.issuer and access.audience:
        return Tokens(access.jwks, access.issuer, access.audience, clock)
    if access.auth == "none":
        return None
    raise SettingsError([f"BESTFILL_AUTH: {access.auth} lacks what it needs"])


def _turns(settings: Settings) -> Turns | None:
    return None if settings.limits.ip is None else Turns()


def _record(auditor: Auditor, settings: Settings) -> Record:
    return Record(auditor, known_callers=settings.access.auth != "none")


class Api(containers.DeclarativeContainer):
    """Makes each part once. `mode` brings the store, the notifier, the engine and the rest of its kind."""

    mode = providers.DependenciesContainer()

    intake = providers.Singleton(Intake, mode.tokens, mode.policy, mode.clock)
    metrics = providers.Singleton(Metrics, mode.instruments.provided.registry)
    activity = providers.Singleton(Activity, mode.clock, providers.Callable(_names, mode.venues))
    dispatcher = providers.Singleton(Dispatcher, mode.notifier, mode.store, activity.provided.hear)
    pace = providers.Singleton(Pace)
    identity = providers.Singleton(_identity, mode.settings, mode.control, mode.clock)
    keeper = providers.Singleton(Keeper, identity)
    turns = providers.Singleton(_turns, mode.settings)
    edge = providers.Singleton(
        Edge, mode.settings, identity, mode.limiter, metrics.provided.answered, mode.telemetry, turns
    )
    orders = providers.Singleton(Allowance, "orders", mode.limiter, mode.settings.provided.limits.orders)
    # Apart from the orders, so that who looks can still trade; each asks every venue, so they are no more.
    previews = providers.Singleton(Allowance, "previews", mode.limiter, mode.settings.provided.limits.orders)
    record = providers.Singleton(_record, mode.auditor, mode.settings)
    sockets = providers.Singleton(Sockets, mode.store, dispatcher, pace, keeper)
    checks = providers.Singleton(_checks, mode.store, mode.queue_check)
