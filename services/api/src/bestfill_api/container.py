"""The API, wired over the parts of a mode."""

from dependency_injector import containers, providers

from bestfill.errors import QueueError
from bestfill.ports import OrderStore
from bestfill.runner import Runner
from bestfill_api.feed import Dispatcher
from bestfill_api.follow import Pace
from bestfill_api.health import Checks
from bestfill_api.intake import Intake
from bestfill_api.metrics import Metrics
from bestfill_api.stream import Sockets


def _checks(store: OrderStore, runner: Runner) -> Checks:
    async def queue() -> None:
        if not runner.running:
            raise QueueError("no worker takes orders")

    return {"store": store.ping, "queue": queue}


class Api(containers.DeclarativeContainer):
    """Makes each part once. `mode` brings the store, the notifier and the engine."""

    mode = providers.DependenciesContainer()

    intake = providers.Singleton(Intake, mode.tokens, mode.policy, mode.clock)
    metrics = providers.Singleton(Metrics)
    dispatcher = providers.Singleton(Dispatcher, mode.notifier)
    pace = providers.Singleton(Pace)
    sockets = providers.Singleton(Sockets, mode.store, dispatcher, pace)
    checks = providers.Singleton(_checks, mode.store, mode.runner)
