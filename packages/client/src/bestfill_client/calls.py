"""Each call of the engine's API: its request, and what its answer holds."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from bestfill_client import arguments, models
from bestfill_client.arguments import Amount
from bestfill_client.errors import WrongArgument
from bestfill_client.steps import Request

T = TypeVar("T")


class Call(msgspec.Struct, Generic[T], frozen=True):
    """A request and the type of its answer.

    `doubt` is what to say if it may have been done, though no answer told so; `suits` says whether an answer is about
    what was asked.
    """

    request: Request
    answer: type[T]
    doubt: str = ""
    suits: Callable[[T], bool] = lambda _: True


def submit(user_id: str | None, idempotency_key: str | None, body: dict[str, str | int]) -> Call[models.Accepted]:
    """Place an order; `body` is what `swap` gives. The same bytes and key are sent again if need be, so it is safe.

    Without `user_id`, here and below, it is for whoever the credential is of.
    """
    key = arguments.key(idempotency_key)
    request = _post("/api/orders/execute", body | _of(user_id), key)
    doubt = (
        "the order may have been accepted all the same: "
        f"submit it again with idempotency_key={key!r}, and it is not placed twice"
    )
    return Call(request, models.Accepted, doubt)


def quote(body: dict[str, str | int]) -> Call[models.Preview]:
    """Preview an order; nothing is stored."""
    return Call(_post("/api/quotes", body), models.Preview)


def swap(
    token_in: str,
    token_out: str,
    amount_in: Amount,
    min_amount_out: Amount | None,
    slippage: Amount | None,
    slippage_bps: int | None,
    expires_at: str | datetime | None,
) -> dict[str, str | int]:
    """Write what is to be swapped."""
    body: dict[str, str | int] = {
        "tokenIn": arguments.text("token_in", token_in),
        "tokenOut": arguments.text("token_out", token_out),
        "amountIn": arguments.amount("amount_in", amount_in),
    }
    if min_amount_out is not None:
        body["minAmountOut"] = arguments.amount("min_amount_out", min_amount_out)
    if slippage is not None:
        body["slippageTolerance"] = arguments.amount("slippage", slippage)
    if slippage_bps is not None:
        body["slippageBps"] = arguments.whole("slippage_bps", slippage_bps)
    if expires_at is not None:
        body["expiresAt"] = arguments.moment("expires_at", expires_at)
    return body


def order(order_id: str) -> Call[models.Order]:
    """Read an order."""
    order_id = arguments.order_id(order_id)
    return Call(Request("GET", f"/api/orders/{order_id}"), models.Order, suits=lambda order: order.id == order_id)


def orders(user_id: str | None, limit: int, offset: int) -> Call[models.OrderPage]:
    """Read a page of a user's orders."""
    limit, offset = arguments.whole("limit", limit), arguments.whole("offset", offset)
    request = Request("GET", "/api/orders" + arguments.query(**_of(user_id), limit=limit, offset=offset))

    def suits(page: models.OrderPage) -> bool:
        found = {order.user_id for order in page.orders}
        return len(found) <= 1 if user_id is None else found <= {user_id}

    return Call(request, models.OrderPage, suits=suits)


def events(order_id: str) -> Call[models.EventList]:
    """Read an order's story."""
    order_id = arguments.order_id(order_id)
    request = Request("GET", f"/api/orders/{order_id}/events")
    return Call(request, models.EventList, suits=lambda told: all(event.order_id == order_id for event in told.events))


def executions(order_id: str) -> Call[models.ExecutionList]:
    """Read an order's attempts."""
    return _get(f"/api/orders/{arguments.order_id(order_id)}/executions", models.ExecutionList)


def cancel(order_id: str) -> Call[models.Order]:
    """End an order that has not been signed."""
    order_id = arguments.order_id(order_id)
    request = Request("POST", f"/api/orders/{order_id}/cancel")
    doubt = "the order may have been cancelled all the same: look at it, or cancel it again"
    return Call(request, models.Order, doubt, lambda order: order.id == order_id)


def queue_stats() -> Call[models.QueueStats]:
    """Count orders."""
    return _get("/api/queue/stats", models.QueueStats)


def socket_stats() -> Call[models.SocketStats]:
    """Count sockets."""
    return _get("/api/ws/stats", models.SocketStats)


def activity() -> Call[models.Activity]:
    """Read what happened over the last minutes."""
    return _get("/api/activity", models.Activity)


def tokens() -> Call[models.TokenList]:
    """Read the tokens."""
    return _get("/api/tokens", models.TokenList)


def ready() -> Call[models.Health]:
    """Ask whether the engine can serve."""
    return _get("/health/ready", models.Health)


def user(user_id: str | None, *, credential: bool) -> str | None:
    """Check a user's id; with a credential it may be None, whose it is then.

    Raises:
        WrongArgument: it is missing, or cannot be sent.
    """
    if user_id is None and not credential:
        raise WrongArgument("user_id", "is required without a key: give it here, or to the client for all its calls")
    return None if user_id is None else arguments.text("user_id", user_id)


def _of(user_id: str | None) -> dict[str, str]:
    return {} if user_id is None else {"userId": arguments.text("user_id", user_id)}


def _get(path: str, answer: type[T]) -> Call[T]:
    return Call(Request("GET", path), answer)


def _post(path: str, body: dict[str, Any], key: str | None = None) -> Request:
    return Request("POST", path, msgspec.json.encode(body), key)
