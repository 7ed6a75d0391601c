"""Whatever a client generated from the OpenAPI document sends, the answer is one that the document tells of."""

import asyncio

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from bestfill.order import Status
from bestfill.testing.samples import request
from bestfill.units import OrderId
from tests.unit.api.house import build

# Not by its entry point: it would be a second of every test run's start.
pytest_plugins = ["schemathesis.pytest.plugin"]

HOUSE = build(hosts=("api", "testserver"))


async def _order(to: Status) -> OrderId:
    order = await HOUSE.container.engine().place(request())
    await HOUSE.move(order.id, to)
    return order.id


ORDERS = {status: asyncio.run(_order(status)) for status in Status if status is not Status.FAILED}
api = schemathesis.openapi.from_asgi("/schema/openapi.json", HOUSE.app)


@api.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(case: schemathesis.Case) -> None:
    # A string of the right shape need not be a token that we know, so good data may be refused.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


@pytest.mark.parametrize("status", ORDERS)
@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/orders/{orderId}", "GET"),
        ("/api/orders/{orderId}/events", "GET"),
        ("/api/orders/{orderId}/executions", "GET"),
        ("/api/orders/{orderId}/cancel", "POST"),
    ],
)
def test_orders_of_any_status_are_shown_as_documented(path: str, method: str, status: Status) -> None:
    case = api[path][method].Case(path_parameters={"orderId": ORDERS[status]})
    answer = case.call_and_validate()
    cancelled = method == "POST"
    too_late = cancelled and status in (Status.SUBMITTED, Status.CONFIRMED)
    assert answer.status_code == (409 if too_late else 200)


def test_a_users_page_is_as_documented() -> None:
    case = api["/api/orders"]["GET"].Case(query={"userId": "user-123"})
    assert case.call_and_validate().json()["total"] >= len(ORDERS)
