"""The OpenAPI document: what Litestar can't see since we read bodies, queries and headers ourselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
from litestar import Response, Router
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIMediaType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIType

from bestfill_api.asyncapi import asyncapi_route
from bestfill_api.dto import Problem
from bestfill_api.edge.guard import OPEN
from bestfill_api.fields import USER_ID_MAX_CHARS
from bestfill_api.problems import MEDIA_TYPE
from bestfill_api.reference import CONTENT_POLICY, Once, ReferencePage

USER_ID: Final = Parameter(
    name="userId",
    param_in="query",
    required=True,
    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=USER_ID_MAX_CHARS),
)
IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    param_in="header",
    description="The same key and body give the first answer again, and no new order.",
    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=255, pattern="^[ -~]+$"),
)
EXAMPLE: Final = {
    "userId": "user-123",
    "tokenIn": "So11111111111111111111111111111111111111112",
    "tokenOut": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "amountIn": "1.5",
    "minAmountOut": "140",
    "slippageTolerance": 0.5,
}

_ABOUT: Final = (
    "Market orders for Solana, filled on the venue that pays the most. "
    "Follow an order over a WebSocket at its wsUrl, or all of a user's orders at /ws?userId=…; "
    "either takes ?since= with the number of the last event that was seen. "
    "What they tell is described in /schema/asyncapi.json."
)
_CREDENTIAL: Final = "credential"
NO_CREDENTIAL: Final[dict[str, list[str]]] = {}
_BEARER: Final = SecurityScheme(
    type="http",
    scheme="bearer",
    description=(
        "A key or a token, unless the engine runs with BESTFILL_AUTH=none. The scope read is for GET calls, for "
        "/api/quotes and the WebSockets, trade for these and for placing and cancelling orders, admin for /metrics and "
        "/api/admin alone. A credential says who asks: then `userId` may be left out, and no other user's is in reach."
    ),
)
_WHY: Final = {
    400: "The request is not valid: `errors` names each wrong field.",
    401: "No credential came, or one that is not good (any more).",
    403: (
        "The credential is not for this, the operator's rules forbid it (`rule` says which), or a page of another "
        "origin sent it."
    ),
    404: "There is no such order, or it is another user's.",
    408: "The request did not come in time.",
    409: "It conflicts with what was done before.",
    413: "The body has more than 16 KB.",
    414: "The URL is too long.",
    415: "The body is not sent as JSON.",
    421: "The `Host` is no name of the engine's.",
    429: "There were too many; `Retry-After` says when to try again.",
    431: "There are too many headers, or too long ones.",
    500: "A fault of the engine's, which is in its log.",
    503: "The store or the queue does not answer.",
}


_OF_ALL: Final = frozenset({408, 414, 421, 429, 431, 500})
"""What any call may be answered with, whatever it is."""
_OF_ACCESS: Final = frozenset({401, 403})


def whole_number(name: str, least: int, most: int, default: int) -> Parameter:
    """Describe a whole number in the query."""
    schema = Schema(type=OpenAPIType.INTEGER, minimum=least, maximum=most, default=default)
    return Parameter(name=name, param_in="query", schema=schema)


def problems(*statuses: int, open_to_all: bool = False) -> dict[int, ResponseSpec]:
    """Describe the problems that a call answers with, besides those that any may."""
    common = _OF_ALL if open_to_all else _OF_ALL | _OF_ACCESS
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=_WHY[status], media_type=MEDIA_TYPE)
        for status in sorted(common.union(statuses))
    }


def operation(body: type[msgspec.Struct] | None = None, parameters: Sequence[Parameter] = ()) -> type[Operation]:
    """Describe the body and the parameters of a call."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            if body is not None:
                schema = cast("Schema", _inline(body))
                examples: dict[str, Example | Reference] = {"SOL to USDC": Example(value=EXAMPLE)}
                content = OpenAPIMediaType(schema=schema, examples=examples)
                self.request_body = RequestBody(content={MediaType.JSON: content}, required=True)
            self.parameters = [*(self.parameters or []), *parameters] or None

    return Described


def configure(version: str) -> OpenAPIConfig:
    """Serve the document at /schema: as a page that needs nothing from elsewhere, as JSON, as YAML; and AsyncAPI's."""
    handlers = [asyncapi_route(version)]
    router = Router("/schema", route_handlers=handlers, include_in_schema=False, after_request=_finished, opt={**OPEN})
    return OpenAPIConfig(
        title="bestfill",
        version=version,
        description=_ABOUT,
        operation_id_creator=_operation_id,
        use_handler_docstrings=True,
        components=Components(security_schemes={_CREDENTIAL: _BEARER}),
        security=[{_CREDENTIAL: []}, NO_CREDENTIAL],
        openapi_router=router,
        render_plugins=[Once(ReferencePage()), Once(JsonRenderPlugin()), Once(YamlRenderPlugin())],
    )


def _operation_id(handler: HTTPRouteHandler, _method: object, _path: object) -> str:
    first, *rest = handler.handler_name.split("_")
    return first + "".join(map(str.title, rest))


def _inline(body: type[msgspec.Struct]) -> dict[str, Any]:
    (_,), schemas = msgspec.json.schema_components([body])
    return schemas[body.__name__]


def _finished(response: Response[Any]) -> Response[Any]:
    if response.status_code == 404:  # Litestar's own page
        raise NotFoundException
    response.headers["content-security-policy"] = CONTENT_POLICY
    return response
