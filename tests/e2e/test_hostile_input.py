"""What hostile clients send to a running API: a 4xx problem each time, nothing stored, and it still serves."""

import json
from collections.abc import AsyncIterator
from io import BytesIO

import pytest

from tests.deployed import ORDER, ApiProcess
from tests.embedded import started

MINT = ORDER["tokenIn"]


def order(**fields: object) -> bytes:
    return json.dumps(ORDER | fields).encode()


def raw(field: str, text: str) -> bytes:
    """Give the order with a field as literal JSON."""
    rest = {name: value for name, value in ORDER.items() if name != field}
    return json.dumps(rest)[:-1].encode() + f', "{field}": {text}}}'.encode()


HOSTILE: dict[str, bytes] = {
    "5 MB": order(userId="x" * 5_000_000),
    "5 MB of blanks": b" " * 5_000_000,
    "17 KB": order(userId="x" * 17_000),
    "5,000 nested brackets": b"[" * 5_000 + b"]" * 5_000,
    "5,000 nested objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "nested in a field": raw("amountIn", "[" * 5_000 + "]" * 5_000),
    "bad UTF-8": b'{"userId": "\xff\xfe"}',
    "a surrogate in UTF-8": b'{"userId": "\xed\xa0\x80"}',
    "a lone surrogate": raw("userId", '"\\ud800"'),
    "UTF-16": json.dumps(ORDER).encode("utf-16"),
    "empty": b"",
    "not JSON": b"userId=user-123&amountIn=1",
    "NaN": raw("slippageTolerance", "NaN"),
    "Infinity": raw("slippageTolerance", "-Infinity"),
    "1e400": raw("slippageTolerance", "1e400"),
    "1e400 as an amount": raw("amountIn", "1e400"),
    "1e999999999": raw("slippageTolerance", "1e999999999"),
    "a number as an amount": raw("amountIn", "1.5"),
    "40 digits": order(amountIn="9" * 40),
    "10,000 digits": order(amountIn="9" * 10_000),
    "10,000 digits as a number": raw("slippageTolerance", "9" * 10_000),
    "above u64": order(amountIn="18446744073.709551616"),
    "one unit below the precision": order(amountIn="0.0000000001"),
    "one unit below the precision out": order(minAmountOut="0.0000001"),
    "zero": order(amountIn="0.000000000"),
    "negative": order(amountIn="-1"),
    "Arabic digits": order(amountIn="١٫٥"),
    "Arabic whole digits": order(amountIn="١٥"),
    "full-width digits": order(amountIn="１"),
    "superscript": order(amountIn="²"),
    "a look-alike letter": order(tokenIn="ЅOL"),
    "a look-alike in a mint": order(tokenIn=MINT.replace("o", "о", 1)),
    "the founding sample": order(tokenOut="EPjFWaJiy6Vyh8zU5yBDTv6kaTUdJYnPSm4W4iB1Q0d"),
    "NUL in the user": order(userId="user\0"),
    "NUL in a mint": order(tokenIn=f"{MINT}\0"),
    "NUL in an amount": order(amountIn="1\0"),
    "a blank user": order(userId="\u3000"),
    "SQL": order(userId="x", amountIn="1; DROP TABLE orders"),
    "an unknown field": order(status="confirmed"),
    "__proto__": raw("__proto__", "{}"),
    "an array": json.dumps([ORDER]).encode(),
    "true": raw("amountIn", "true"),
    "too much slippage": order(slippageTolerance=10.01),
    "slippage too fine": order(slippageTolerance=0.123),
    "expired": order(expiresAt="2020-01-01T00:00:00Z"),
    "a day too far": order(expiresAt="2999-01-01T00:00:00Z"),
}


@pytest.fixture(scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiProcess]:
    async with started(tmp_path_factory.mktemp("hostile")) as process:
        yield process


@pytest.mark.parametrize("path", ["/api/orders/execute", "/api/quotes"])
@pytest.mark.parametrize("name", HOSTILE)
async def test_it_is_a_4xx_problem_and_nothing_is_stored(api: ApiProcess, name: str, path: str) -> None:
    headers = {"content-type": "application/json"}
    async with api.http.post(path, data=BytesIO(HOSTILE[name]), headers=headers) as answer:
        problem = await answer.json(content_type="application/problem+json")
    assert 400 <= answer.status < 500
    assert problem["status"] == answer.status
    assert problem["code"] in ("VALIDATION_ERROR", "BODY_TOO_LARGE")
    assert problem["code"] == "BODY_TOO_LARGE" or problem["errors"]
    stats = await api.get("/api/queue/stats")
    assert [stats[f"{kind}Count"] for kind in ("waiting", "delayed", "active", "completed", "failed")] == [0] * 5


async def test_text_that_looks_like_sql_is_only_text(api: ApiProcess) -> None:
    user = "'; DROP TABLE orders; --"
    order_id = await api.place(userId=user)
    async with api.http.get("/api/orders", params={"userId": user}) as answer:
        assert [o["id"] for o in (await answer.json())["orders"]] == [order_id]
