"""The AsyncAPI document says what the WebSockets do: it is held against what they send and how they close."""

import asyncio
import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from jsonschema import Draft7Validator

from bestfill.access import Scope
from bestfill.errors import StoreError
from bestfill.order import Order
from bestfill.testing.fakes import FakeNetwork
from bestfill.testing.store import MemoryStore
from bestfill.units import OrderId
from bestfill_adapters.settings import MockSettings
from bestfill_api.closing import Closing
from bestfill_api.openapi import EXAMPLE
from tests.documents.installed import needed
from tests.unit.api.gate import EXTENSION, bearer, key, keys, revoke
from tests.unit.api.house import UNKNOWN, House, house, without
from tests.unit.api.wires import connect
from tools.documents import asyncapi
from tools.documents.__main__ import FOLDER
from tools.documents.house import opened, run
from tools.documents.newman import SPECS

DOCUMENT = json.loads((FOLDER / "asyncapi.json").read_text())
KINDS = asyncapi.validators_of(DOCUMENT)
HARSH = {"failure_rate": 500_000, "drop_rate": 400_000, "revert_rate": 500_000}
"""In parts per million: what makes orders be retried, and fail, at each step."""


def kinds_of(events: Iterable[dict[str, Any]]) -> set[str]:
    """Give the kinds of these events; each must be of exactly one, with no field that it does not name."""
    found: set[str] = set()
    for event in events:
        kinds = [name for name in KINDS if KINDS[name].is_valid(event)]
        assert len(kinds) == 1, (kinds, event)
        found.update(kinds)
    return found


async def told(orders: int, network: FakeNetwork | None = None, **mock: Any) -> list[dict[str, Any]]:
    """Give what a user's socket tells of so many orders, some of which are cancelled, until all is quiet."""
    chance = random.Random(1)
    async with opened(network, MockSettings(**mock)) as engine, connect(engine.app, "/ws?userId=user-123") as wire:
        for _ in range(orders):
            asked = EXAMPLE | chance.choice(({}, {"minAmountOut": None}, {"minAmountOut": "1000000"}))
            placed = (await engine.http.post("/api/orders/execute", json=asked)).json()
            await asyncio.sleep(chance.random())
            if chance.random() < 0.1:
                await engine.http.post(f"/api/orders/{placed['orderId']}/cancel")
        await asyncio.sleep(600)
        return [json.loads(wire.outbox.get_nowait()["text"]) for _ in range(wire.outbox.qsize())]


def test_it_is_valid_asyncapi() -> None:
    schema = json.loads(needed(SPECS / "schemas" / "3.0.0.json").read_text())
    Draft7Validator(schema).validate(DOCUMENT)
    assert not Draft7Validator(schema).is_valid(DOCUMENT | {"channels": {"order": {"adress": "/ws"}}})


def test_its_security_is_how_a_socket_takes_a_credential() -> None:
    local, guarded = DOCUMENT["servers"]["local"], DOCUMENT["servers"]["guarded"]
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert "security" not in local
    assert [ref["$ref"] for ref in guarded["security"]] == [f"#/components/securitySchemes/{name}" for name in schemes]
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    assert schemes["subprotocol"]["name"] == "Sec-WebSocket-Protocol"


async def test_a_socket_opens_with_either_credential_alone() -> None:
    async with keys() as api:
        text = await key(api, "ann", Scope.READ)
        header, offer = [(b"authorization", f"Bearer {text}".encode())], ("bestfill", f"bearer.{text}")
        for headers, offers, status in ((header, (), None), ((), offer, None), (header, offer, 401), ((), (), 401)):
            how = {"headers": list(headers), "subprotocols": list(offers), "extensions": EXTENSION, "answer": ""}
            async with connect(api.app, "/ws", **how) as wire:
                assert wire.answer.get("status") == status


def test_every_event_of_orders_in_harsh_times_is_as_it_says() -> None:
    events = run(told(60, seed="harsh", **HARSH))
    assert kinds_of(events) == KINDS.keys() - {"flagged"}
    failed = [event["data"] for event in events if event["status"] == "failed"]
    assert {data["errorCode"] for data in failed} >= {"CANCELLED", "ROUTING_ERROR", "EXECUTION_ERROR", "QUOTE_ERROR"}
    # Those that saw quotes and those that saw none, those that failed before and after their signature.
    assert {(bool(data.get("quotes")), data["txHash"] is None) for data in failed} >= {(True, True), (False, False)}


def test_every_event_of_orders_that_the_chain_forgets_is_as_it_says() -> None:
    assert kinds_of(run(told(3, FakeNetwork(pruned=True)))) >= {"accepted", "flagged"}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_field_that_the_document_does_not_name_would_be_noticed(name: str) -> None:
    (example,) = DOCUMENT["components"]["messages"][name]["examples"]
    event = example["payload"]
    assert KINDS[name].is_valid(event)
    assert not KINDS[name].is_valid(event | {"colour": "red"})
    assert not KINDS[name].is_valid(event | {"data": event["data"] | {"colour": "red"}})
    for missing in ("dex", "price", "txHash"):
        data = {field: value for field, value in event["data"].items() if field != missing}
        assert not KINDS[name].is_valid(event | {"data": data})


async def test_the_api_serves_it(api: House) -> None:
    answer = await api.http.get("/schema/asyncapi.json")
    assert answer.headers["content-type"] == "application/vnd.aai.asyncapi+json"
    for message in (served := answer.json())["components"]["messages"].values():
        assert "examples" not in message
    assert served | {"components": None} == DOCUMENT | {"components": None}
    assert served["components"]["schemas"] == DOCUMENT["components"]["schemas"]


class Ill(MemoryStore):
    """A store that fails when an order is asked for."""

    error: Exception = RuntimeError("a bug")

    async def get(self, order_id: OrderId) -> Order:
        raise self.error


async def test_every_code_that_a_socket_is_closed_with_is_in_the_document(api: House) -> None:
    order = await api.run(await api.place())
    codes = {
        path: await closed(api, path)
        for path in (f"/ws/{order.id}", f"/ws/{UNKNOWN}", f"/ws/{order.id}?since=x", "/ws?userId=u&since=x")
    }
    async with house(store=Ill()) as ill:
        codes["/ws/bug"] = await closed(ill, f"/ws/{UNKNOWN}")
        Ill.error = StoreError("down")
        codes["/ws/down"] = await closed(ill, f"/ws/{UNKNOWN}")
    async with connect(api.app, "/ws?userId=u") as wire:
        await api.api.dispatcher().stop()
        codes["/ws?stopping"] = (await wire.closed())[0]
    codes["/ws?revoked"] = await closed_as_revoked()
    channels = {"order": "/ws/", "user": "/ws?"}
    for name, begin in channels.items():
        found = {code for path, code in codes.items() if path.startswith(begin)}
        assert found <= {int(code) for code in DOCUMENT["channels"][name]["x-close-codes"]}
    assert set(codes.values()) == {1000, 1011, 1012, 1013, 4400, 4401, 4404}
    # Those for what clients say are the server's own: tests/integration/api.
    of_server = {1002, 1007, 1008, 1009}
    assert {int(code) for code in DOCUMENT["channels"]["order"]["x-close-codes"]} == {*codes.values()} | of_server
    assert set(Closing) == {*codes.values()} | of_server


async def closed_as_revoked() -> int:
    async with keys() as api:
        text = await key(api, "ann", Scope.TRADE)
        await api.http.post("/api/orders/execute", json=without("userId"), headers=bearer(text))
        headers = [(b"authorization", f"Bearer {text}".encode())]
        async with connect(api.app, "/ws?since=0", headers=headers) as wire:
            await wire.event()
            await revoke(api, text)
            await api.api.keeper().look()
            return (await wire.closed())[0]


async def closed(api: House, path: str) -> int:
    async with connect(api.app, path) as wire:
        while (message := await wire.outbox.get())["type"] != "websocket.close":
            pass
        return message["code"]


@pytest.fixture
async def api() -> Any:
    async with house() as opened_house:
        yield opened_house
