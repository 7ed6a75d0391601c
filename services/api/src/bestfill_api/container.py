"""The API, wired over the parts of a mode."""

from collections.abc import Awaitable, Callable, Sequence

from dependency_injector import containers, providers

from bestfill.ports import OrderStore, Venue
from bestfill_api.activity import Activity
from bestfill_api.feed import Dispatcher
from bestfill_api.follow import Pace
from bestfill_api.health import Checks
from bestfill_api.intake import Intake
from bestfill_api.metrics import Metrics
from bestfill_api.stream import Sockets


def _checks(store: OrderStore, queue_check: Callable[[], Awaitable[None]]) -> Checks:
    return {"store": store.ping, "queue": queue_check}


def _names(venues: Sequence[Venue]) -> list[str]:
    return [venue.name for venue in venues]


class Api(containers.DeclarativeContainer):
    """Makes each part once. `mode` brings the store, the notifier, the engine and the rest of its kind."""

    mode = providers.DependenciesContainer()

    intake = providers.Singleton(Intake, mode.tokens, mode.policy, mode.clock)
    metrics = providers.Singleton(Metrics)
    activity = providers.Singleton(Activity, mode.clock, providers.Callable(_names, mode.venues))
    dispatcher = providers.Singleton(Dispatcher, mode.notifier, mode.store, activity.provided.hear)
    pace = providers.Singleton(Pace)
    sockets = providers.Singleton(Sockets, mode.store, dispatcher, pace)
    checks = providers.Singleton(_checks, mode.store, mode.queue_check)
