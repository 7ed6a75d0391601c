"""The calls about orders."""

from functools import partial
from typing import Annotated, Any, Final

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from bestfill.engine import Engine
from bestfill.errors import OrderNotFound
from bestfill.order import Order
from bestfill.ports import OrderStore
from bestfill.units import OrderId
from bestfill_api import fields, openapi, views
from bestfill_api.bodies import OrderBody
from bestfill_api.dto import Accepted, EventList, ExecutionList, OrderList, OrderView
from bestfill_api.edge.guard import READ, TRADE
from bestfill_api.edge.limit import Allowance
from bestfill_api.edge.owner import NO_ORDER, own_list, own_order
from bestfill_api.edge.visit import visit_of
from bestfill_api.form import Invalid, query_form
from bestfill_api.intake import Intake
from bestfill_api.record import Record
from bestfill_api.wire import Json, header_values, json_body

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 100
MAX_OFFSET: Final = 1_000_000_000

OrderIdText = Annotated[str, PathParameter(name="orderId", schema_extra={"format": "uuid"})]

_PAGING: Final = (
    openapi.USER_ID,
    openapi.whole_number("limit", 1, MAX_LIMIT, DEFAULT_LIMIT),
    openapi.whole_number("offset", 0, MAX_OFFSET, 0),
)


def order_routes(
    engine: Engine, store: OrderStore, intake: Intake, allowance: Allowance, record: Record
) -> list[HTTPRouteHandler]:
    """Make the handlers. They hold what they need themselves, so that no request can put anything in its place."""

    async def own(request: Request[Any, Any, Any], text: str) -> Order:
        return own_order(await store.get(_id(text)), visit_of(request).owner)

    @post(
        "/api/orders/execute",
        opt=TRADE,
        status_code=202,
        operation_class=openapi.operation(OrderBody, [openapi.IDEMPOTENCY_KEY]),
        responses=openapi.problems(400, 403, 409, 413, 415, 503),
    )
    async def execute_order(request: Request[Any, Any, Any]) -> Json[Accepted]:
        """Accept a market order."""
        visit = visit_of(request)
        key = fields.idempotency_key(header_values(request.scope["headers"], b"idempotency-key"))
        asked = intake.order(await json_body(request), visit.owner)
        await allowance.take(visit, asked.user_id)
        with record.of_denials(visit, "order"):
            order = await engine.place(asked, key)
        record.note(visit, "order.place", order.id)
        return Json(views.accepted(order), 202)

    @get(
        "/api/orders",
        opt=READ,
        operation_class=openapi.operation(parameters=_PAGING),
        responses=openapi.problems(400, 404, 503),
    )
    async def list_orders(request: Request[Any, Any, Any]) -> Json[OrderList]:
        """Give a user's orders, newest first."""
        owner = visit_of(request).owner
        form = query_form(request.scope["query_string"], ("userId", "limit", "offset"))
        user_id = own_list(form.text("userId", fields.user_id, required=owner is None), owner)
        limit = form.text("limit", partial(fields.whole, least=1, most=MAX_LIMIT))
        offset = form.text("offset", partial(fields.whole, least=0, most=MAX_OFFSET)) or 0
        if form.errors or user_id is None:
            raise Invalid(form.errors)
        limit = limit or DEFAULT_LIMIT
        user_seq = await store.user_seq(user_id)  # before the orders, so that these are no older
        page = await store.page(user_id, limit, offset)
        orders = [views.order_view(order) for order in page.orders]
        return Json(OrderList(orders=orders, limit=limit, offset=offset, total=page.total, user_seq=user_seq))

    @get("/api/orders/{orderId:str}", opt=READ, responses=openapi.problems(400, 404, 503))
    async def get_order(request: Request[Any, Any, Any], order_id: OrderIdText) -> Json[OrderView]:
        """Give one order."""
        return Json(views.order_view(await own(request, order_id)))

    @get("/api/orders/{orderId:str}/events", opt=READ, responses=openapi.problems(400, 404, 503))
    async def order_events(request: Request[Any, Any, Any], order_id: OrderIdText) -> Json[EventList]:
        """Give an order's events, oldest first."""
        order = await own(request, order_id)
        events = await store.events(order.id)
        return Json(EventList(events=[views.event_message(event) for event in events]))

    @get("/api/orders/{orderId:str}/executions", opt=READ, responses=openapi.problems(400, 404, 503))
    async def order_executions(request: Request[Any, Any, Any], order_id: OrderIdText) -> Json[ExecutionList]:
        """Give an order's attempts: quotes considered, route, signature, outcome."""
        order = await own(request, order_id)
        attempts = await store.executions(order.id)
        return Json(ExecutionList(executions=[views.execution(order, attempt) for attempt in attempts]))

    @post(
        "/api/orders/{orderId:str}/cancel",
        opt=TRADE,
        status_code=200,
        responses=openapi.problems(400, 403, 404, 409, 503),
    )
    async def cancel_order(request: Request[Any, Any, Any], order_id: OrderIdText) -> Json[OrderView]:
        """End an order that has not been signed."""
        visit = visit_of(request)
        if visit.owner is not None:
            await own(request, order_id)
        order = await engine.cancel(_id(order_id))
        record.note(visit, "order.cancel", order.id)
        return Json(views.order_view(order))

    return [execute_order, list_orders, get_order, order_events, order_executions, cancel_order]


def _id(text: str) -> OrderId:
    if (order_id := fields.order_id(text)) is None:
        raise OrderNotFound(NO_ORDER)
    return order_id
