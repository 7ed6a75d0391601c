"""Whether the service lives, and whether it can serve."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler

from bestfill.errors import BestfillError
from bestfill_api import openapi
from bestfill_api.dto import Health
from bestfill_api.edge.guard import OPEN
from bestfill_api.problems import NotReady
from bestfill_api.wire import Json

CHECK_TIMEOUT_S: Final = 2.0

Checks = Mapping[str, Callable[[], Awaitable[None]]]
log = logging.getLogger(__name__)


def health_routes(checks: Checks) -> list[HTTPRouteHandler]:
    """Make the handlers; `checks` are by the name of what they check, and raise BestfillError."""

    @get("/health/live", opt=OPEN, security=[openapi.NO_CREDENTIAL], responses=openapi.problems(open_to_all=True))
    async def live() -> Json[Health]:
        """Say that the process answers."""
        return Json(Health())

    @get("/health/ready", opt=OPEN, security=[openapi.NO_CREDENTIAL], responses=openapi.problems(503, open_to_all=True))
    async def ready() -> Json[Health]:
        """Say whether the store and the queue answer."""
        return await _ready(checks)

    @get("/health", opt=OPEN, security=[openapi.NO_CREDENTIAL], responses=openapi.problems(503, open_to_all=True))
    async def health() -> Json[Health]:
        """Say the same as /health/ready."""
        return await _ready(checks)

    return [live, ready, health]


async def _ready(checks: Checks) -> Json[Health]:
    failed = [name for name, check in checks.items() if not await _passes(name, check)]
    if failed:
        raise NotReady(f"no answer from: {', '.join(failed)}")
    return Json(Health())


async def _passes(name: str, check: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except (BestfillError, TimeoutError) as error:
        log.warning("not ready", extra={"check": name, "reason": str(error) or "no answer in time"})
        return False
    return True
