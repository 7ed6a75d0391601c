"""Reading, paging and cancelling orders."""

from typing import Any

import pytest

from bestfill.errors import StoreError
from bestfill.order import Status
from bestfill.testing.store import MemoryStore
from tests.unit.api.house import UNKNOWN, House, house

CALLS = [("GET", ""), ("GET", "/events"), ("GET", "/executions"), ("POST", "/cancel")]
STRANGERS = [UNKNOWN, "1", "not-a-uuid", UNKNOWN[:-1], UNKNOWN + "0", f"{{{UNKNOWN}}}", "%00", "٣", "%FF"]


async def test_a_confirmed_order_tells_what_it_got(api: House) -> None:
    order = await api.run(await api.place())
    told = (await api.http.get(f"/api/orders/{order.id}")).json()
    assert (
        told
        | {
            "status": "confirmed",
            "dexSelected": "raydium",
            "txHash": order.tx_hash,
            "executedPrice": "142",
            "amountOut": "213",
            "errorCode": None,
            "attempts": 1,
            "completedAt": "2025-12-16T10:13:20Z",
        }
        == told
    )
    assert order.tx_hash is not None


async def test_a_failed_order_tells_why(api: House) -> None:
    order = await api.run(await api.place(minAmountOut="214"))
    assert order.status is Status.PENDING  # it waits for its second attempt
    for _ in range(2):
        api.clock.advance(60_000)
        order = await api.run(order.id)
    told = (await api.http.get(f"/api/orders/{order.id}")).json()
    assert (told["status"], told["errorCode"], told["attempts"]) == ("failed", "ROUTING_ERROR", 3)
    assert "minimum" in told["errorReason"]


async def test_an_id_may_be_written_in_capitals(api: House) -> None:
    order_id = await api.place()
    assert (await api.http.get(f"/api/orders/{order_id.upper()}")).json()["id"] == order_id


async def test_times_show_milliseconds_only_if_there_are_any(api: House) -> None:
    api.clock.advance(7)
    told = (await api.http.get(f"/api/orders/{await api.place()}")).json()
    assert told["createdAt"] == "2025-12-16T10:13:20.007Z"


async def test_events_are_what_the_socket_sends_oldest_first(api: House) -> None:
    order = await api.run(await api.place())
    events = (await api.http.get(f"/api/orders/{order.id}/events")).json()["events"]
    assert [e["seq"] for e in events] == [1, 2, 3, 4, 5]
    assert [e["status"] for e in events] == ["pending", "routing", "building", "submitted", "confirmed"]
    assert {(e["event"], e["orderId"], e["attempt"]) for e in events} == {("status_update", order.id, 1)}
    assert events[3]["data"]["txHash"] == order.tx_hash
    assert events[0]["timestamp"] == api.clock.now()


async def test_executions_show_quotes_route_and_outcome_but_nothing_opaque(api: House) -> None:
    order = await api.run(await api.place())
    answer = await api.http.get(f"/api/orders/{order.id}/executions")
    (attempt,) = answer.json()["executions"]
    route = {
        "dex": "raydium",
        "tokenIn": order.token_in,
        "tokenOut": order.token_out,
        "amountIn": "1.5",
        "minOut": "211.935",
    }
    assert (
        attempt
        | {
            "attempt": 1,
            "dex": "raydium",
            "quotedOut": "213",
            "minOut": "211.935",
            "route": [route],
            "signature": order.tx_hash,
            "outcome": "landed",
            "amountIn": "1.5",
            "amountOut": "213",
            "errorCode": None,
            "attention": None,
            "startedAt": "2025-12-16T10:13:20Z",
        }
        == attempt
    )
    assert [(q["dex"], q["amountOut"], q["chosen"]) for q in attempt["quotes"]] == [
        ("raydium", "213", True),
        ("meteora", "211", False),
    ]
    stored = await api.store.attempt(order.id, 1)
    assert stored is not None
    assert stored.signed is not None
    for opaque in ("payload", "transaction", stored.signed.transaction.decode()[:20], stored.signed.blockhash):
        assert opaque not in answer.text


async def test_a_waiting_order_has_no_executions(api: House) -> None:
    answer = await api.http.get(f"/api/orders/{await api.place()}/executions")
    assert answer.json() == {"executions": []}


async def test_an_attempt_under_way_has_no_outcome(api: House) -> None:
    order_id = await api.place()
    await api.move(order_id, Status.SUBMITTED)
    (attempt,) = (await api.http.get(f"/api/orders/{order_id}/executions")).json()["executions"]
    assert (attempt["outcome"], attempt["amountOut"], attempt["endedAt"]) == (None, None, None)
    assert attempt["signature"]


async def test_a_waiting_order_can_be_cancelled(api: House) -> None:
    order_id = await api.place()
    answer = await api.http.post(f"/api/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["status"], answer.json()["errorCode"]) == (200, "failed", "CANCELLED")
    again = await api.http.post(f"/api/orders/{order_id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")


async def test_a_signed_order_cannot_be_cancelled(api: House) -> None:
    order_id = await api.place()
    await api.move(order_id, Status.SUBMITTED)
    answer = await api.http.post(f"/api/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert (await api.store.get(order_id)).status is Status.SUBMITTED


async def test_pages_are_newest_first_and_count_all(api: House) -> None:
    await api.place(userId="other")
    ids: list[str] = []
    for _ in range(12):
        api.clock.advance(1)
        ids.insert(0, await api.place())
    first = (await api.http.get("/api/orders", params={"userId": "user-123"})).json()
    assert (first["limit"], first["offset"], first["total"]) == (10, 0, 12)
    assert [order["id"] for order in first["orders"]] == ids[:10]
    rest = (await api.http.get("/api/orders", params={"userId": "user-123", "limit": 100, "offset": 10})).json()
    assert (rest["limit"], rest["offset"], rest["total"]) == (100, 10, 12)
    assert [order["id"] for order in rest["orders"]] == ids[10:]
    assert (await api.http.get("/api/orders?userId=nobody")).json()["orders"] == []


async def test_a_user_of_any_script_finds_its_orders(api: House) -> None:
    order_id = await api.place(userId="用户 +&=")
    page = (await api.http.get("/api/orders", params={"userId": "用户 +&="})).json()
    assert [order["id"] for order in page["orders"]] == [order_id]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "userId"),
        ("userId=", "userId"),
        ("userId=%20", "userId"),
        ("userId=a%00", "userId"),
        ("userId=a%0Ab", "userId"),
        ("userId=" + "x" * 129, "userId"),
        ("userId=a&userId=b", "userId"),
        ("userId=%FF", ""),
        ("userId=%ED%A0%80", ""),
        ("userId=u&limit=0", "limit"),
        ("userId=u&limit=101", "limit"),
        ("userId=u&limit=-1", "limit"),
        ("userId=u&limit=1.5", "limit"),
        ("userId=u&limit=1_0", "limit"),
        ("userId=u&limit=%D9%A1", "limit"),
        ("userId=u&limit=", "limit"),
        ("userId=u&limit=5&limit=6", "limit"),
        ("userId=u&limit=" + "9" * 5_000, "limit"),
        ("userId=u&offset=-1", "offset"),
        ("userId=u&offset=1e3", "offset"),
        ("userId=u&offset=1000000001", "offset"),
        ("userId=u&ofset=1", "ofset"),
        ("userId=u&" + "&".join(f"f{n}=1" for n in range(20)), ""),
    ],
    ids=lambda v: v[:30],
)
async def test_a_bad_query_names_its_field(api: House, query: str, field: str) -> None:
    answer = await api.http.get(f"/api/orders?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "VALIDATION_ERROR"
    assert [e["field"] for e in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "injected", ["store", "engine", "intake", "metrics", "request", "state", "scope", "body", "data"]
)
async def test_the_query_cannot_replace_what_a_handler_works_with(api: House, injected: str) -> None:
    order_id = await api.place()
    for method, path in CALLS:
        plain = await api.http.request(method, f"/api/orders/{order_id}{path}")
        poisoned = await api.http.request(method, f"/api/orders/{order_id}{path}?{injected}=x&order_id={UNKNOWN}")
        assert poisoned.status_code == (409 if path == "/cancel" else plain.status_code)
        assert path == "/cancel" or poisoned.content == plain.content


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "order_id", [UNKNOWN, "1", "not-a-uuid", UNKNOWN[:-1], UNKNOWN + "0", f"{{{UNKNOWN}}}", "%00", "٣", "%FF"]
)
async def test_an_unknown_order_is_not_found(api: House, method: str, path: str, order_id: str) -> None:
    answer = await api.http.request(method, f"/api/orders/{order_id}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_store_that_does_not_answer_is_503_and_shows_nothing() -> None:
    class Down(MemoryStore):
        async def get(self, *_: object) -> Any:
            raise StoreError("/var/lib/secret.sqlite3 is locked")

        async def page(self, *_: object) -> Any:
            raise StoreError("/var/lib/secret.sqlite3 is locked")

    async with house(store=Down()) as api:
        for path in (f"/api/orders/{UNKNOWN}", "/api/orders?userId=u", f"/api/orders/{UNKNOWN}/events"):
            answer = await api.http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "QUEUE_ERROR")
            assert "secret" not in answer.text


async def test_a_list_says_where_a_socket_is_to_go_on(api: House) -> None:
    first, second = await api.place(), await api.place()
    order = await api.run(first)
    told = (await api.http.get("/api/orders", params={"userId": "user-123"})).json()
    assert told["userSeq"] == order.seq + 1
    assert {order["id"]: order["seq"] for order in told["orders"]} == {first: order.seq, second: 1}
    assert (await api.http.get("/api/orders", params={"userId": "nobody"})).json()["userSeq"] == 0


async def test_a_list_shows_no_less_than_it_says() -> None:
    class Moving(MemoryStore):
        """Something happens while a list is read."""

        async def page(self, *asked: Any) -> Any:
            found = await super().page(*asked)
            await api.place()
            return found

    async with house(store=Moving()) as api:
        told = (await api.http.get("/api/orders", params={"userId": "user-123"})).json()
        assert (told["orders"], told["userSeq"]) == ([], 0)


async def test_the_tokens_that_orders_may_name(api: House) -> None:
    told = (await api.http.get("/api/tokens")).json()["tokens"]
    assert {"symbol": "SOL", "mint": "So11111111111111111111111111111111111111112", "decimals": 9} in told
    for token in told:
        await api.place(
            tokenIn=token["mint"], tokenOut="SOL" if token["symbol"] != "SOL" else "USDC", minAmountOut=None
        )
