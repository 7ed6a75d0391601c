"""Nobody sees, cancels or places what is not theirs, nor learns that it is there; and what they do is on record."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bestfill.access import Scope, read_key
from bestfill.errors import PolicyDenied
from tests.unit.api.gate import Headers, bearer, key, keys, knock, told
from tests.unit.api.house import UNKNOWN, House, house, without
from tests.unit.api.wires import connect

EXECUTE = "/api/orders/execute"


@pytest.fixture
async def gated() -> AsyncIterator[House]:
    """An API that takes keys."""
    async with keys() as api:
        yield api


@pytest.fixture
async def ann(gated: House) -> Headers:
    return bearer(await key(gated, "ann", Scope.TRADE))


@pytest.fixture
async def bob(gated: House) -> Headers:
    return bearer(await key(gated, "bob", Scope.TRADE))


async def place(api: House, headers: Headers, **more: Any) -> httpx.Response:
    return await api.http.post(EXECUTE, json=without("userId") | more, headers=headers)


async def test_an_order_is_the_callers_whether_it_says_so_or_not(gated: House, ann: Headers) -> None:
    for more in ({}, {"userId": "ann"}, {"userId": None}):
        order_id = (await place(gated, ann, **more)).json()["orderId"]
        assert (await gated.store.get(order_id)).user_id == "ann"


async def test_an_order_in_anothers_name_is_refused_whatever_else_is_wrong_with_it(gated: House, ann: Headers) -> None:
    for more in ({"userId": "bob"}, {"userId": "bob", "amountIn": "x"}, {"userId": "Ann"}):
        answer = await place(gated, ann, **more)
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
        assert "userId" in answer.json()["detail"]
    assert await gated.placed() == 0
    answer = await place(gated, ann, userId=" ")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "userId")


async def test_without_access_control_an_order_must_say_whose_it_is() -> None:
    async with house() as api:
        assert (await place(api, {})).json()["errors"] == [{"field": "userId", "message": "is required"}]
        answer = await api.http.get("/api/orders")
        assert answer.json()["errors"] == [{"field": "userId", "message": "is required"}]


async def test_another_users_order_is_as_one_that_is_not_there(gated: House, ann: Headers, bob: Headers) -> None:
    order_id = (await place(gated, ann)).json()["orderId"]
    reads = Reads(gated)
    for method, rest in (("GET", ""), ("GET", "/events"), ("GET", "/executions"), ("POST", "/cancel")):
        found: list[tuple[int, bytes, set[str], list[str]]] = []
        for wanted in (order_id, UNKNOWN):
            reads.names.clear()
            answer = await gated.http.request(method, f"/api/orders/{wanted}{rest}", headers=bob)
            found.append((answer.status_code, answer.content, set(answer.headers), [*reads.names]))
        assert found[0] == found[1]
        assert (found[0][0], found[0][3]) == (404, ["get"])  # the store is asked as much
    assert (await gated.store.get(order_id)).seq == 1
    for wanted in (order_id, UNKNOWN):
        lines = [(name.encode(), value.encode()) for name, value in bob.items()]
        async with connect(gated.app, f"/ws/{wanted}", headers=lines) as wire:
            assert await wire.closed() == (4404, "there is no such order")


class Reads:
    """Notes what the store is asked."""

    def __init__(self, api: House) -> None:
        self.names: list[str] = []
        for name in ("get", "attempt", "events", "executions", "commit"):
            self._note(api, name, getattr(api.store, name))

    def _note(self, api: House, name: str, read: Any) -> None:
        async def noted(*given: Any, **named: Any) -> Any:
            self.names.append(name)
            return await read(*given, **named)

        setattr(api.store, name, noted)


async def test_another_users_list_and_stream_are_as_those_of_nobody(gated: House, ann: Headers, bob: Headers) -> None:
    await place(gated, ann)
    answers = [await gated.http.get(f"/api/orders?userId={name}", headers=bob) for name in ("ann", "nobody")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert {await knock(gated, f"/ws?userId={name}&since=0", bob) for name in ("ann", "nobody")} == {"4404"}
    assert (await gated.http.get("/api/orders", headers=bob)).json()["orders"] == []
    (order,) = (await gated.http.get("/api/orders", headers=ann)).json()["orders"]
    assert order["userId"] == "ann"


async def test_a_stream_is_the_callers_and_holds_nothing_of_others(gated: House, ann: Headers, bob: Headers) -> None:
    lines = [(name.encode(), value.encode()) for name, value in bob.items()]
    async with connect(gated.app, "/ws?since=0", headers=lines) as wire:
        await place(gated, ann)
        order_id = (await place(gated, bob)).json()["orderId"]
        assert (await wire.event())["orderId"] == order_id
        assert wire.outbox.empty()


async def test_an_idempotency_key_says_nothing_of_another_users(gated: House, ann: Headers, bob: Headers) -> None:
    once = {"idempotency-key": "k"}
    first = (await place(gated, ann | once)).json()["orderId"]
    others = await place(gated, bob | once, amountIn="2")
    assert (others.status_code, others.json()["orderId"] != first) == (202, True)
    assert (await place(gated, ann | once, userId="ann")).json()["orderId"] == first


async def test_who_placed_and_cancelled_what_from_where_is_on_record(gated: House) -> None:
    text = await key(gated, "ann", Scope.TRADE)
    order_id = (await place(gated, bearer(text))).json()["orderId"]
    await gated.http.post(f"/api/orders/{order_id}/cancel", headers=bearer(text))
    await gated.http.post(f"/api/orders/{order_id}/cancel", headers=bearer(text))  # too late, so nothing was done
    facts = [entry.fact for entry in await told(gated)][1:]
    assert [(f.actor, f.origin, f.action, f.subject) for f in facts] == [
        (read_key(text)[0], "127.0.0.1", "order.place", order_id),
        (read_key(text)[0], "127.0.0.1", "order.cancel", order_id),
    ]
    assert text not in repr(facts)


async def test_what_the_operators_rules_forbid_says_which_and_is_on_record(
    gated: House, ann: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def denied(*_: object) -> None:
        raise PolicyDenied("BESTFILL_DENY_TOKENS", "SOL is not traded here")

    engine = gated.container.engine()
    monkeypatch.setattr(engine, "place", denied)
    monkeypatch.setattr(engine, "preview", denied)
    quoted = await gated.http.post("/api/quotes", json=without("userId"), headers=ann)
    for answer in (await place(gated, ann), quoted):
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["rule"]) == (
            403,
            "POLICY_DENIED",
            "BESTFILL_DENY_TOKENS",
        )
        assert problem["detail"] == "SOL is not traded here"
    facts = [entry.fact for entry in await told(gated)][1:]
    assert [(fact.action, fact.subject, fact.detail["rule"]) for fact in facts] == [
        ("policy.deny", "preview", "BESTFILL_DENY_TOKENS"),
        ("policy.deny", "order", "BESTFILL_DENY_TOKENS"),
    ]


async def test_where_nobody_says_who_they_are_orders_are_not_put_on_record() -> None:
    async with house() as api:
        await api.place()
        assert await told(api) == []
