"""The AsyncAPI document of the WebSockets (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from bestfill_api.closing import Closing
from bestfill_api.dto import EventMessage, encode
from bestfill_api.edge.dress import SUBPROTOCOL
from bestfill_api.fields import USER_ID_MAX_CHARS
from bestfill_api.messages import KINDS, Kind
from bestfill_api.server import MESSAGE_MAX_BYTES, BoundedSocket

MEDIA_TYPE: Final = "application/vnd.aai.asyncapi+json"

CLOSE_CODES: Final[Mapping[Closing, str]] = {
    Closing.NORMAL: "The order has ended, and all of its events have been sent.",
    Closing.PROTOCOL_ERROR: "What the client sent is no WebSocket frame. Mend the client.",
    Closing.INVALID_DATA: "What the client closed with is not UTF-8. Mend the client.",
    Closing.TOO_MUCH_SAID: (
        f"The client sent more than {BoundedSocket.frames_per_s} frames in a second. Connect again with `since`, "
        "and send nothing."
    ),
    Closing.MESSAGE_TOO_BIG: (
        f"The client sent a message of more than {MESSAGE_MAX_BYTES} bytes. Connect again with `since`, "
        "and send nothing."
    ),
    Closing.INTERNAL_ERROR: (
        "Something went wrong in the API, or the client answered no ping. Connect again with `since`."
    ),
    Closing.SERVICE_RESTART: "The API is stopping. Connect again with `since`.",
    Closing.TRY_AGAIN: "The client reads too slowly, or the store does not answer. Connect again later, with `since`.",
    Closing.BAD_REQUEST: "The query is not valid; the reason says what is wrong. Asking again gives the same.",
    Closing.ENDED: "The client's credential was revoked, or has expired. Connect again with a good one.",
    Closing.NOT_FOUND: "There is no such order or user, or it is another's.",
}
"""What the API closes a socket with, and what it means."""

_ORDERS_ALONE: Final = (Closing.NORMAL,)
_ABOUT: Final = (
    "The WebSockets of the bestfill API: one order's story, or all that happens to a user's orders, as it happens. "
    "Each event is a text message with JSON, sent once and in order, with nothing left out. A client that was cut off "
    "connects again with `since`, the number of the last event that it has seen. What clients send is ignored. "
    "Unless the engine runs with BESTFILL_AUTH=none, a client needs a credential with the scope read. "
    "Whoever is refused gets an HTTP answer with a problem (401, 403, 421, 429 or 503) instead. "
    "A credential says who asks: then `userId` may be left out, and no other user's stream is there. "
    "Ignore fields that you do not know: later versions may add some."
)
_ORDER: Final = (
    "The story of one order from its first event, or after `since`, whenever the client connects; then live. "
    "Closed after the order's last event."
)
_USER: Final = (
    "All that happens to a user's orders, from now on or after `since`. For all of it without a gap, GET "
    "/api/orders?userId=… first, and give its `userSeq` as `since`."
)
_HOST: Final = {"host": "127.0.0.1:3000", "protocol": "ws"}
_CREDENTIAL: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key or a token with the scope read, in the header Authorization.",
    },
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": (
            f"For browsers, which can't set Authorization: offer the subprotocols `{SUBPROTOCOL}` and `bearer.` with "
            "the same credential behind it. The API selects the first."
        ),
    },
}
"""Either will do, but not both at once."""
_USER_ID: Final = {"type": "string", "minLength": 1, "maxLength": USER_ID_MAX_CHARS}


def document(version: str) -> dict[str, Any]:
    """Make the document from the types that the messages have."""
    refs, schemas = msgspec.json.schema_components(
        [EventMessage, *(kind.data for kind in KINDS.values())], ref_template="#/components/schemas/{name}"
    )
    event = schemas.pop(EventMessage.__name__)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "bestfill",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {**_HOST, "description": "Where `./dev run` listens. Nobody has to sign in."},
            "guarded": {
                **_HOST,
                "description": "The same, run with BESTFILL_AUTH=keys or jwt.",
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _CREDENTIAL],
            },
        },
        "channels": {
            "order": {
                **_channel("/ws/{orderId}", "One order", _ORDER, CLOSE_CODES),
                "parameters": {"orderId": {"description": "The `orderId` that the order was accepted with."}},
                "bindings": _query({"since": _since("seq", "0: all of the story")}),
            },
            "user": {
                **_channel("/ws", "A user's orders", _USER, [c for c in CLOSE_CODES if c not in _ORDERS_ALONE]),
                "bindings": _query(
                    {"userId": _USER_ID, "since": _since("userSeq", "what happens from now on")}, ["userId"]
                ),
            },
        },
        "operations": {
            name: {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
            for name, channel, summary in (
                ("tellOrder", "order", "Tell each step of the order."),
                ("tellUser", "user", "Tell each step of the user's orders."),
            )
        },
        "components": {
            "messages": {
                name: _message(name, kind, event, ref)
                for (name, kind), ref in zip(KINDS.items(), refs[1:], strict=True)
            },
            "schemas": schemas,
            "securitySchemes": _CREDENTIAL,
        },
    }


def asyncapi_route(version: str) -> HTTPRouteHandler:
    """Make the handler that serves the document."""
    body = encode(document(version))

    @get("/asyncapi.json", media_type=MEDIA_TYPE)
    async def asyncapi_document() -> Response[bytes]:
        return Response(body, media_type=MEDIA_TYPE)

    return asyncapi_document


def _channel(address: str, title: str, about: str, codes: Iterable[Closing]) -> dict[str, Any]:
    rows = "\n".join(f"- {code}: {CLOSE_CODES[code]}" for code in codes)
    return {
        "address": address,
        "title": title,
        "description": f"{about}\n\nThe API closes it with one of these codes:\n\n{rows}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in KINDS},
        "x-close-codes": {str(code): CLOSE_CODES[code] for code in codes},
    }


def _query(properties: dict[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return {"ws": {"method": "GET", "query": schema, "bindingVersion": "0.1.0"}}


def _since(number: str, default: str) -> dict[str, Any]:
    about = f"The `{number}` of the last event that the client has seen; without it, {default}."
    return {"type": "integer", "minimum": 0, "description": about}


def _message(name: str, kind: Kind, event: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Describe one kind: an event message whose status and data are its own, and which has all of the fields."""
    event_name = event["properties"]["event"]["default"]
    own = {"event": {"const": event_name}, "status": {"const": kind.status.value}, "data": data}
    properties = {**event["properties"], **own}
    return {
        "name": event_name,
        "title": name,
        "summary": kind.about,
        "payload": {**event, "title": name, "properties": properties, "required": list(properties)},
    }
