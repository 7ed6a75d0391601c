"""The ASGI application."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from litestar import Litestar, Request, Response

from bestfill import __version__
from bestfill_adapters.container import Embedded, start, stop
from bestfill_adapters.settings import Settings
from bestfill_adapters.settings.access import check_exposed
from bestfill_api import openapi
from bestfill_api.admin import admin_routes
from bestfill_api.container import Api
from bestfill_api.edge import Application
from bestfill_api.edge.guard import guard
from bestfill_api.edge.refusing import tell
from bestfill_api.health import health_routes
from bestfill_api.orders import order_routes
from bestfill_api.origin import refuse_foreign
from bestfill_api.page import page_routes
from bestfill_api.problems import to_response
from bestfill_api.quotes import quote_routes
from bestfill_api.stats import stats_routes
from bestfill_api.stream import stream_routes
from bestfill_api.tokens import token_routes
from bestfill_api.wire import BODY_MAX_BYTES

if TYPE_CHECKING:
    from bestfill_adapters.container.deployed import Deployed

GRACE_S: Final = 5.0


Mode: TypeAlias = "Embedded | Deployed"
Running: TypeAlias = Callable[[Any], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def embedded(container: Embedded) -> AsyncIterator[None]:
    """Run the engine in this process while the context lasts."""
    await start(container)
    try:
        yield
    finally:
        await stop(container, GRACE_S)


def mode(settings: Settings) -> tuple[Mode, Running]:
    """Give the container of the mode that the settings ask for, and what opens it: the deployed one runs no orders."""
    if settings.database_url is None:
        return Embedded(), embedded
    from bestfill_adapters.container.deployed import Deployed, connected

    return Deployed(), connected


def create_app(container: Mode, running: Running = embedded, api: Api | None = None) -> Application:
    """Make the application; its lifespan is that of `running`.

    Raises:
        SettingsError: a setting or a venue plugin does not do.
    """
    api = api or Api(mode=container)
    api.check_dependencies()
    engine, store, intake, metrics = container.engine(), container.store(), api.intake(), api.metrics()
    sockets, dispatcher = api.sockets(), api.dispatcher()

    check_exposed(container.settings())
    keeper = api.keeper()

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with running(container):
            keeper.start()
            await dispatcher.start()
            try:
                yield
            finally:
                await dispatcher.stop()
                await keeper.stop()

    telemetry = container.telemetry()

    def failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        tell(telemetry, error)
        return to_response(request, error)

    return Application(
        [
            *order_routes(engine, store, intake, api.orders(), api.record()),
            *quote_routes(engine, intake, api.previews(), api.record()),
            *admin_routes(container.control(), container.clock()),
            *token_routes(container.tokens()),
            *stats_routes(
                store,
                container.clock(),
                sockets,
                metrics,
                api.activity(),
                container.settings().concurrency,
                container.queue_depth(),
                lambda: engine.halted,
            ),
            *health_routes(api.checks()),
            *stream_routes(sockets),
            *page_routes(),
        ],
        edge=api.edge(),
        lifespan=[lifespan],
        before_request=_let_in,
        exception_handlers={Exception: failed},
        openapi_config=openapi.configure(__version__),
        request_max_body_size=BODY_MAX_BYTES,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


async def _let_in(request: Request[Any, Any, Any]) -> None:
    guard(request)
    await refuse_foreign(request)
