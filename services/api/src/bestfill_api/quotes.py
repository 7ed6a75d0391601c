"""The preview of an order."""

from typing import Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler

from bestfill.engine import Engine
from bestfill_api import openapi, views
from bestfill_api.bodies import QuoteBody
from bestfill_api.dto import Preview
from bestfill_api.edge.guard import READ
from bestfill_api.edge.limit import Allowance
from bestfill_api.edge.visit import visit_of
from bestfill_api.intake import Intake
from bestfill_api.record import Record
from bestfill_api.wire import Json, json_body


def quote_routes(engine: Engine, intake: Intake, allowance: Allowance, record: Record) -> list[HTTPRouteHandler]:
    """Make the handler."""

    @post(
        "/api/quotes",
        opt=READ,
        status_code=200,
        operation_class=openapi.operation(QuoteBody),
        responses=openapi.problems(400, 403, 413, 415),
    )
    async def preview_order(request: Request[Any, Any, Any]) -> Json[Preview]:
        """Say what an order would be offered now: every venue's quote, the choice and why. Stores nothing."""
        visit = visit_of(request)
        asked = intake.quote(await json_body(request), visit.owner)
        await allowance.take(visit, visit.owner or visit.client)
        with record.of_denials(visit, "preview"):
            return Json(views.preview(asked, await engine.preview(asked)))

    return [preview_order]
