"""Accepting orders: what is taken, what is refused, and that a refusal stores nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bestfill.errors import StoreError
from bestfill.testing.store import MemoryStore
from bestfill_adapters.settings import Settings
from tests.unit.api.house import ORDER, House, house, with_, without

EXECUTE = "/api/orders/execute"
MINT = ORDER["tokenIn"]
FOUNDING_SAMPLE = "EPjFWaJiy6Vyh8zU5yBDTv6kaTUdJYnPSm4W4iB1Q0d"


@pytest.fixture(scope="module")
async def refusing() -> AsyncIterator[House]:
    """One API for all that is refused: had any of it stored an order, the next would see it."""
    async with house() as opened:
        yield opened


async def test_the_example_is_accepted_and_can_be_read_back(api: House) -> None:
    answer = await api.http.post(EXECUTE, json=ORDER)
    accepted = answer.json()
    assert answer.status_code == 202
    assert accepted == {
        "orderId": accepted["orderId"],
        "wsUrl": f"/ws/{accepted['orderId']}",
        "status": "pending",
        "createdAt": "2025-12-16T10:13:20Z",
    }
    order = (await api.http.get(f"/api/orders/{accepted['orderId']}")).json()
    assert order == {
        "id": accepted["orderId"],
        "userId": "user-123",
        "tokenIn": ORDER["tokenIn"],
        "tokenOut": ORDER["tokenOut"],
        "amountIn": "1.5",
        "minAmountOut": "140",
        "slippageTolerance": 0.5,
        "slippageBps": 50,
        "status": "pending",
        "dexSelected": None,
        "txHash": None,
        "executedPrice": None,
        "amountOut": None,
        "errorCode": None,
        "errorReason": None,
        "attempts": 1,
        "createdAt": "2025-12-16T10:13:20Z",
        "updatedAt": "2025-12-16T10:13:20Z",
        "completedAt": None,
        "expiresAt": "2025-12-16T10:18:20Z",
        "seq": 1,
    }
    assert [order_id for order_id, _ in api.queue.woken] == [accepted["orderId"]]


@pytest.mark.parametrize(
    ("body", "bps"),
    [
        (without("slippageTolerance"), 50),
        (with_(slippageTolerance=None), 50),
        (with_(slippageTolerance=0), 0),
        (with_(slippageTolerance=10), 1_000),
        (with_(slippageTolerance=0.25), 25),
        (with_(slippageTolerance="0.25"), 25),
        (with_(slippageTolerance="1.50"), 150),
        (without("slippageTolerance") | {"slippageBps": 75}, 75),
    ],
)
async def test_slippage_is_read_exactly(api: House, body: dict[str, Any], bps: int) -> None:
    answer = await api.http.post(EXECUTE, json=body)
    assert answer.status_code == 202
    assert (await api.store.get(answer.json()["orderId"])).slippage_bps == bps


@pytest.mark.parametrize("text", ["5e-1", "0.50", "5E-1", "50e-2"])
async def test_slippage_may_be_any_json_number_of_that_value(api: House, text: str) -> None:
    body = json.dumps(ORDER).replace("0.5}", f"{text}}}")
    assert text in body
    answer = await api.http.post(EXECUTE, content=body, headers={"content-type": "application/json"})
    assert (await api.store.get(answer.json()["orderId"])).slippage_bps == 50


@pytest.mark.parametrize(
    "fields",
    [
        {"tokenIn": "SOL", "tokenOut": "USDC"},
        {"minAmountOut": "0"},
        {"minAmountOut": None},
        {"amountIn": "0.000000001"},
        {"amountIn": "18446744073.709551615"},
        {"userId": "x" * 128},
        {"userId": "Ünïcödé 用户"},
        {"expiresAt": "2025-12-16T10:13:21Z"},
        {"expiresAt": "2025-12-16T12:14:00.123+02:00"},
        {"expiresAt": "2025-12-17T10:13:20Z"},
    ],
)
async def test_what_is_just_within_bounds_is_taken(api: House, fields: dict[str, object]) -> None:
    assert (await api.http.post(EXECUTE, json=with_(**fields))).status_code == 202


REFUSED: list[tuple[str, object, str]] = [
    ("userId", None, "is required"),
    ("userId", 7, "must be a string"),
    ("userId", "", "1 to 128"),
    ("userId", "x" * 129, "1 to 128"),
    ("userId", "   ", "blank"),
    ("userId", "a\nb", "printable"),
    ("userId", "a\u0000", "printable"),
    ("userId", "a\u202eb", "printable"),
    ("userId", "\u00a0", "printable"),
    ("tokenIn", None, "is required"),
    ("tokenIn", 1, "must be a string"),
    ("tokenIn", "", "not a known symbol"),
    ("tokenIn", "sol", "did you mean SOL"),
    ("tokenIn", "ЅOL", "not a known symbol"),
    ("tokenIn", f"{MINT[:-1]}１", "not base58"),
    ("tokenIn", f"{MINT}\u0000", "not base58"),
    ("tokenIn", MINT[:-1], "bytes instead of 32"),
    ("tokenIn", "1" * 10_000, "too long"),
    ("tokenIn", "11111111111111111111111111111111", "unknown decimals"),
    ("tokenOut", "USDC!", "not a known symbol"),
    ("tokenOut", FOUNDING_SAMPLE, "character 42 is '0'"),
    ("tokenOut", FOUNDING_SAMPLE, "did you mean USDC"),
    ("tokenOut", "SOL", "must differ from tokenIn"),
    ("tokenOut", MINT, "must differ from tokenIn"),
    ("amountIn", None, "is required"),
    ("amountIn", 1.5, "JSON string"),
    ("amountIn", 1, "JSON string"),
    ("amountIn", True, "JSON string"),
    ("amountIn", ["1"], "JSON string"),
    ("amountIn", "0", "more than 0"),
    ("amountIn", "0.000000000", "more than 0"),
    ("amountIn", "-1", "plain decimal"),
    ("amountIn", "+1", "plain decimal"),
    ("amountIn", "1e3", "plain decimal"),
    ("amountIn", "1,5", "plain decimal"),
    ("amountIn", "1_000", "plain decimal"),
    ("amountIn", " 1", "plain decimal"),
    ("amountIn", "1\n", "plain decimal"),
    ("amountIn", "1.", "plain decimal"),
    ("amountIn", ".5", "plain decimal"),
    ("amountIn", "", "plain decimal"),
    ("amountIn", "NaN", "plain decimal"),
    ("amountIn", "Infinity", "plain decimal"),
    ("amountIn", "0x10", "plain decimal"),
    ("amountIn", "١٢٣", "plain decimal"),
    ("amountIn", "１", "plain decimal"),
    ("amountIn", "1\u0000", "plain decimal"),
    ("amountIn", "9" * 41, "plain decimal"),
    ("amountIn", "9" * 40, "at most 18446744073.709551615"),
    ("amountIn", "18446744073.709551616", "at most 18446744073.709551615"),
    ("amountIn", "1.0000000001", "10 decimal places"),
    ("minAmountOut", 140, "JSON string"),
    ("minAmountOut", "-1", "plain decimal"),
    ("minAmountOut", "140.0000001", "7 decimal places"),
    ("minAmountOut", "18446744073709.551616", "at most"),
    ("slippageTolerance", -0.5, "from 0 to 10 percent"),
    ("slippageTolerance", -1, "from 0 to 10 percent"),
    ("slippageTolerance", 10.01, "from 0 to 10 percent"),
    ("slippageTolerance", 11, "from 0 to 10 percent"),
    ("slippageTolerance", "11", "from 0 to 10 percent"),
    ("slippageTolerance", 10**40, "from 0 to 10 percent"),
    ("slippageTolerance", 0.123, "at most 2 decimals"),
    ("slippageTolerance", "0.001", "at most 2 decimals"),
    ("slippageTolerance", "5e-1", "plain decimal"),
    ("slippageTolerance", "٥", "plain decimal"),
    ("slippageTolerance", "", "plain decimal"),
    ("slippageTolerance", "9" * 41, "plain decimal"),
    ("slippageTolerance", True, "must be a number"),
    ("slippageTolerance", [0.5], "must be a number"),
    ("slippageTolerance", {}, "must be a number"),
    ("expiresAt", 1765880000, "must be a string"),
    ("expiresAt", "tomorrow", "ISO 8601"),
    ("expiresAt", "2025-12-16T10:14:00", "ISO 8601"),
    ("expiresAt", "2025-12-16", "ISO 8601"),
    ("expiresAt", "2025-13-16T10:14:00Z", "ISO 8601"),
    ("expiresAt", "2025-12-16T10:14:00+99:00", "ISO 8601"),
    ("expiresAt", "٢٠٢٥-12-16T10:14:00Z", "ISO 8601"),
    ("expiresAt", "9999-12-31T23:59:59-23:59", "at most 24 hours"),
    ("expiresAt", "0001-01-01T00:00:00+23:59", "must be in the future"),
    ("expiresAt", "2025-12-17T10:13:20.001Z", "at most 24 hours"),
    ("expiresAt", "2025-12-16T10:13:20Z", "must be in the future"),
    ("expiresAt", "1970-01-01T00:00:00Z", "must be in the future"),
    ("limit", "1", "is not a field here"),
    ("a\u0000b" * 40, "1", "is not a field here"),
]


@pytest.mark.parametrize(("field", "value", "message"), REFUSED, ids=lambda v: ascii(v)[:40])
async def test_a_bad_field_is_named_and_nothing_is_stored(
    refusing: House, field: str, value: object, message: str
) -> None:
    answer = await refusing.http.post(EXECUTE, json=with_(**{field: value}))
    problem = answer.json()
    assert answer.status_code == 400, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Bad Request", 400)
    assert problem["code"] == "VALIDATION_ERROR"
    (error,) = problem["errors"]
    assert error["field"] == field or (len(field) > 64 and error["field"].startswith("a\ufffdb"))
    assert message in error["message"]
    assert await refusing.placed() == 0
    assert refusing.queue.woken == []


@pytest.mark.parametrize("bps", [-1, 1_001, 0.5, 50.0, "50", True, 10**30])
async def test_bad_basis_points_are_refused(refusing: House, bps: object) -> None:
    answer = await refusing.http.post(EXECUTE, json=without("slippageTolerance") | {"slippageBps": bps})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "slippageBps", "message": "must be a whole number from 0 to 1000"}]
    assert await refusing.placed() == 0


async def test_slippage_in_both_units_is_refused(refusing: House) -> None:
    answer = await refusing.http.post(EXECUTE, json=with_(slippageBps=50))
    assert [e["field"] for e in answer.json()["errors"]] == ["slippageBps"]
    assert await refusing.placed() == 0


@pytest.mark.parametrize(
    "again", ['"amountIn":"9"', '"amountIn" : "9"', '"amountIn"\t:\n"1.5"', '"amount\\u0049n":"9"']
)
async def test_a_field_that_is_there_twice_is_refused_whichever_would_count(refusing: House, again: str) -> None:
    body = json.dumps(ORDER)[:-1] + f", {again}}}"
    answer = await refusing.http.post(EXECUTE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "amountIn", "message": "must be given once"}]
    assert await refusing.placed() == 0


async def test_a_colon_inside_a_value_is_no_field(api: House) -> None:
    assert (await api.http.post(EXECUTE, json=with_(userId="a:b:c:d:e:f:g:h:i"))).status_code == 202


async def test_every_wrong_field_is_told_at_once(refusing: House) -> None:
    body = {"userId": "", "tokenIn": "nope", "amountIn": "x", "minAmountOut": 1, "slippageTolerance": -1, "extra": 0}
    answer = await refusing.http.post(EXECUTE, json=body)
    assert sorted(e["field"] for e in answer.json()["errors"]) == sorted([*body, "tokenOut"])


RAW: list[tuple[bytes, str]] = [
    (b"", "must be JSON"),
    (b"null", "JSON object"),
    (b"[]", "JSON object"),
    (b'"x"', "JSON object"),
    (b"{", "must be JSON"),
    (b"{}x", "must be JSON"),
    (b'{"amountIn": NaN}', "must be JSON"),
    (b'{"amountIn": Infinity}', "must be JSON"),
    (b'{"amountIn": 01}', "must be JSON"),
    (b'{"userId": "\xff"}', "must be UTF-8"),
    (b'{"userId": "\xed\xa0\x80"}', "must be UTF-8"),
    (b'{"\xff": 1}', "must be UTF-8"),
    (b"\xef\xbb\xbf{}", "must be JSON"),
    (b"\xff\xfe{\x00}\x00", "must be"),
    (b"[" * 5_000 + b"]" * 5_000, "nested too deeply"),
    (b'{"userId": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "nested too deeply"),
    (b'{"amountIn": ' + b"9" * 10_000 + b"}", "must be JSON"),
]


@pytest.mark.parametrize(("body", "message"), RAW, ids=lambda v: ascii(v)[:40])
async def test_a_body_that_is_no_json_object_is_refused(refusing: House, body: bytes, message: str) -> None:
    answer = await refusing.http.post(EXECUTE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "VALIDATION_ERROR"
    assert message in answer.json()["errors"][0]["message"]
    assert await refusing.placed() == 0


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("slippageTolerance", "1e400"),
        ("slippageTolerance", "1e-400"),
        ("slippageTolerance", "1e99"),
        ("slippageTolerance", "1e999999999"),
        ("slippageTolerance", "0.1000000000000000055511151231257827"),
        ("slippageTolerance", "0." + "0" * 9_000 + "1"),
        ("slippageTolerance", "1" * 4_000),
        ("amountIn", "1e400"),
        ("amountIn", "1" * 40),
        ("userId", '"\\ud800"'),
        ("userId", '"\\udc00"'),
        ("userId", '"\\ud800x"'),
        ("userId", '"a\\u0000b"'),
        ("userId", '"a\\u001fb"'),
    ],
    ids=lambda v: v[:40],
)
async def test_numbers_and_escapes_that_python_cannot_hold_are_refused(refusing: House, field: str, text: str) -> None:
    body = json.dumps(without(field))[:-1] + f', "{field}": {text}}}'
    answer = await refusing.http.post(EXECUTE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] in (field, "")
    assert await refusing.placed() == 0


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_a_body_that_does_not_say_it_is_json_is_refused(refusing: House, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await refusing.http.post(EXECUTE, content=json.dumps(ORDER), headers=headers)
    assert answer.status_code == 415
    assert answer.json()["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert await refusing.placed() == 0


async def test_a_charset_does_no_harm(api: House) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    assert (await api.http.post(EXECUTE, content=json.dumps(ORDER), headers=headers)).status_code == 202


async def test_the_most_slippage_is_a_setting_and_bounds_the_default_too() -> None:
    async with house(settings=Settings(max_slippage_bps=20)) as api:  # pyright: ignore[reportArgumentType]
        refused = await api.http.post(EXECUTE, json=with_(slippageTolerance=0.21))
        assert "from 0 to 0.2 percent" in refused.json()["errors"][0]["message"]
        answer = await api.http.post(EXECUTE, json=without("slippageTolerance"))
        assert (await api.store.get(answer.json()["orderId"])).slippage_bps == 20


async def test_the_same_key_and_body_give_the_first_answer_even_when_the_order_has_ended(api: House) -> None:
    first = await api.http.post(EXECUTE, json=ORDER, headers={"idempotency-key": "k"})
    await api.run(first.json()["orderId"])
    second = await api.http.post(EXECUTE, json=ORDER, headers={"idempotency-key": "k"})
    assert (second.status_code, second.content) == (202, first.content)
    assert await api.placed() == 1


async def test_the_same_key_sent_fifty_times_at_once_places_one_order(api: House) -> None:
    answers = await asyncio.gather(
        *(api.http.post(EXECUTE, json=ORDER, headers={"idempotency-key": "k"}) for _ in range(50))
    )
    assert {(a.status_code, a.content) for a in answers} == {(202, answers[0].content)}
    assert await api.placed() == 1


async def test_the_same_key_with_another_body_conflicts(api: House) -> None:
    await api.http.post(EXECUTE, json=ORDER, headers={"idempotency-key": "k"})
    answer = await api.http.post(EXECUTE, json=with_(amountIn="1.6"), headers={"idempotency-key": "k"})
    assert answer.status_code == 409
    assert answer.json()["code"] == "CONFLICT"
    assert await api.placed() == 1


async def test_a_key_belongs_to_its_user(api: House) -> None:
    await api.http.post(EXECUTE, json=ORDER, headers={"idempotency-key": "k"})
    other = await api.http.post(EXECUTE, json=with_(userId="other"), headers={"idempotency-key": "k"})
    assert other.status_code == 202
    assert await api.placed() == 2


async def test_a_key_is_good_after_its_order_has_expired(api: House) -> None:
    body = with_(expiresAt="2025-12-16T10:13:30Z")
    first = await api.http.post(EXECUTE, json=body, headers={"idempotency-key": "k"})
    api.clock.advance(60_000)
    second = await api.http.post(EXECUTE, json=body, headers={"idempotency-key": "k"})
    assert (second.status_code, second.content) == (202, first.content)
    assert (await api.http.post(EXECUTE, json=body)).json()["errors"][0]["field"] == "expiresAt"


@pytest.mark.parametrize("key", [b"", b"x" * 256, "ключ".encode(), b"a\tb", b"a\x7fb", b"\xff"])
async def test_a_bad_key_is_refused(refusing: House, key: bytes) -> None:
    answer = await refusing.http.post(EXECUTE, json=ORDER, headers=[(b"idempotency-key", key)])
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await refusing.placed() == 0


async def test_two_keys_are_refused(refusing: House) -> None:
    answer = await refusing.http.post(EXECUTE, json=ORDER, headers=[("idempotency-key", "a"), ("idempotency-key", "b")])
    assert answer.status_code == 400
    assert await refusing.placed() == 0


@pytest.mark.parametrize("key", ["x" * 255, " ~", "a b"])
async def test_any_printable_ascii_key_is_taken(api: House, key: str) -> None:
    answer = await api.http.post(EXECUTE, json=ORDER, headers={"idempotency-key": key})
    assert answer.status_code == 202


async def test_nothing_is_accepted_when_the_store_does_not_answer() -> None:
    class Down(MemoryStore):
        async def place(self, *_: object, **__: object) -> Any:
            raise StoreError("postgresql://user:secret@db is down")

    async with house(store=Down()) as api:
        answer = await api.http.post(EXECUTE, json=ORDER)
        assert answer.status_code == 503
        assert answer.json()["code"] == "QUEUE_ERROR"
        assert "secret" not in answer.text
        assert api.queue.woken == []
