"""The AsyncAPI document as the API serves it, with an example of each message from the engine."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from jsonschema import Draft7Validator

from bestfill import __version__
from bestfill.testing.fakes import FakeNetwork
from bestfill_api.asyncapi import document
from bestfill_api.openapi import EXAMPLE
from tools.documents.house import opened, run

_ENOUGH_S: Final = 30


def with_examples() -> dict[str, Any]:
    """Make the document."""
    made = document(__version__)
    events, messages = run(_events()), made["components"]["messages"]
    validators = validators_of(made)
    for name, message in messages.items():
        event = next(event for event in events if validators[name].is_valid(event))
        message["examples"] = [{"name": name, "summary": "As the engine told it.", "payload": event}]
    return made


def validators_of(made: dict[str, Any]) -> dict[str, Draft7Validator]:
    """Give a validator for each message, which refuses fields that the document does not name."""
    strict = _closed(made)
    schemas = {"components": {"schemas": strict["components"]["schemas"]}}
    messages = strict["components"]["messages"]
    return {name: Draft7Validator({**schemas, **message["payload"]}) for name, message in messages.items()}


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    return closed | {"additionalProperties": False} if schema.get("type") == "object" else closed


async def _events() -> list[dict[str, Any]]:
    """Have the engine tell of an order that lands, of one that nobody fills, and of one that the chain forgets."""
    asked = ({}, {"minAmountOut": "1000000"})
    told = [event async for event in _stories(asked)]
    return told + [event async for event in _stories(({},), FakeNetwork(pruned=True))]


async def _stories(
    asked: tuple[dict[str, str], ...], network: FakeNetwork | None = None
) -> AsyncIterator[dict[str, Any]]:
    async with opened(network) as house:
        placed = [(await house.http.post("/api/orders/execute", json=EXAMPLE | other)).json() for other in asked]
        await asyncio.sleep(_ENOUGH_S)
        for order in placed:
            for event in (await house.http.get(f"/api/orders/{order['orderId']}/events")).json()["events"]:
                yield event
