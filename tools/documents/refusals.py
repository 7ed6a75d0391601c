"""The folders of everything that is refused."""

import json
from typing import Any, Final

from tools.documents.call import JSON_HEADERS, Body, Call, Folder
from tools.documents.orders import ORDER
from tools.documents.values import ahead, times

GUARDED: Final = "guardedUrl"
TRADE_KEY: Final = "tradeKey"
_ELSEWHERE: Final = "http://elsewhere.invalid"
_TEXT: Final = json.dumps(ORDER)
_FIELDS: Final[tuple[tuple[str, str, object], ...]] = (
    ("A mint that is not base58", "tokenOut", "EPjFWaJiy6Vyh8zU5yBDTv6kaTUdJYnPSm4W4iB1Q0d"),
    ("A symbol that is not on the list", "tokenIn", "DOGE"),
    ("A mint of unknown decimals", "tokenIn", "11111111111111111111111111111111"),
    ("A token for itself", "tokenOut", "SOL"),
    ("An amount as a JSON number", "amountIn", 1.5),
    ("An amount of nothing", "amountIn", "0"),
    ("An amount below zero", "amountIn", "-1"),
    ("An amount with an exponent", "amountIn", "1e3"),
    ("An amount finer than the token", "amountIn", "0.0000000001"),
    ("An amount that no account can hold", "amountIn", "18446744073.709551616"),
    ("A minimum that is no amount", "minAmountOut", "a lot"),
    ("A slippage above the most", "slippageTolerance", 10.01),
    ("A slippage below zero", "slippageTolerance", -0.5),
    ("A slippage finer than a basis point", "slippageTolerance", "0.125"),
    ("A user without a name", "userId", " "),
    ("A user with control characters", "userId", "user\u0007"),
    ("An expiry without its zone", "expiresAt", "2035-12-16T10:30:00"),
    ("A field that is not known", "price", "142.5"),
)  # fmt: skip


def refusals() -> Folder:
    """Each rule, broken once."""
    both = ORDER | {"slippageBps": 50}
    without = {name: value for name, value in ORDER.items() if name != "amountIn"}
    calls = [
        *(_refused(name, ORDER | {field: value}, field) for name, field, value in _FIELDS),
        _refused("A user with too long a name", ORDER | {"userId": "{{long}}"}, "userId", {"long": times("u", 129)}),
        _refused("A slippage in both units", both, "slippageBps"),
        _refused("An expiry that is past", ORDER | {"expiresAt": "{{past}}"}, "expiresAt", {"past": ahead(-60)}),
        _refused("An expiry of more than a day", ORDER | {"expiresAt": "{{far}}"}, "expiresAt", {"far": ahead(90_000)}),
        _refused("Without an amount", without, "amountIn"),
        _refused("Without anything: every field is named", {}, "tokenOut"),
        _refused("A field that is there twice", _TEXT.replace("{", '{"amountIn": "15", ', 1), "amountIn"),
        _refused("NaN", _TEXT.replace("0.5", "NaN"), ""),
        _refused("No JSON", "amountIn=1.5", ""),
        _refused("No object", "[]", ""),
        Call(
            name="A key of 256 characters",
            operation="executeOrder",
            headers={**JSON_HEADERS, "Idempotency-Key": "{{longKey}}"},
            body=ORDER,
            status=400,
            code="VALIDATION_ERROR",
            wrong="Idempotency-Key",
            values={"longKey": times("k", 256)},
        ),
        Call(
            name="A body of more than 16 KB",
            operation="executeOrder",
            headers=JSON_HEADERS,
            body=ORDER | {"userId": "{{much}}"},
            status=413,
            code="BODY_TOO_LARGE",
            values={"much": times("u", 16_384)},
        ),
        Call(
            name="A body that is not sent as JSON",
            operation="executeOrder",
            headers={"Content-Type": "text/plain"},
            body=ORDER,
            status=415,
            code="UNSUPPORTED_MEDIA_TYPE",
        ),
        Call(
            name="An order that is not there",
            operation="getOrder",
            parameters={"orderId": "00000000-0000-7000-8000-000000000000"},
            status=404,
            code="NOT_FOUND",
        ),
        Call(name="A path that is not there", method="GET", path="/api/nothing", status=404, code="NOT_FOUND"),
        Call(
            name="A method that is not there",
            method="DELETE",
            path="/api/orders",
            status=405,
            code="METHOD_NOT_ALLOWED",
        ),
        Call(
            name="A page of another origin",
            operation="executeOrder",
            about="Browsers say in `Origin` whose page sends a request; programs send none.",
            headers={**JSON_HEADERS, "Origin": _ELSEWHERE},
            body=ORDER,
            status=403,
            code="FORBIDDEN",
        ),
        Call(
            name="A name that is not the engine's",
            operation="listTokens",
            about="While the engine asks nobody who they are, it goes by its addresses and `BESTFILL_HOSTS` alone.",
            headers={"Host": "elsewhere.invalid"},
            status=421,
            code="MISDIRECTED_REQUEST",
        ),
        Call(
            name="A WebSocket, asked for as a page",
            method="GET",
            path="/ws",
            about="Postman opens WebSockets in requests of their own, at ws://127.0.0.1:3000/ws?userId=…",
            status=426,
            code="UPGRADE_REQUIRED",
        ),
    ]
    about = "Each rule, broken once. Every refusal is a problem (RFC 9457), and nothing is stored."
    return Folder("Error cases", about, calls)


def access() -> Folder:
    """Each way to be kept out by an engine that asks who its callers are."""
    another = ORDER | {"userId": "somebody else"}
    calls = [
        Call(name="Without a credential", operation="listTokens", credential="", status=401, code="UNAUTHORIZED"),
        Call(
            name="With a credential that is none",
            operation="listTokens",
            headers={"Authorization": "Bearer nonsense"},
            credential="",
            status=401,
            code="UNAUTHORIZED",
        ),
        Call(
            name="With a good key",
            operation="listTokens",
            credential=TRADE_KEY,
            tests={"it is let in": "pm.expect(answer.tokens).to.not.be.empty;"},
        ),
        Call(
            name="What its scope is not for",
            operation="showHalt",
            credential=TRADE_KEY,
            status=403,
            code="FORBIDDEN",
        ),
        Call(
            name="An order in another user's name",
            operation="executeOrder",
            headers=JSON_HEADERS,
            body=another,
            credential=TRADE_KEY,
            status=403,
            code="FORBIDDEN",
        ),
        Call(
            name="Poll until it is too much",
            operation="previewOrder",
            about="Sent again by itself in a run; by hand, send it until it is answered 429.",
            headers=JSON_HEADERS,
            body=ORDER,
            credential=TRADE_KEY,
            status=429,
            code="RATE_LIMITED",
            until=True,
            tests={"it says when to ask again": 'pm.response.to.have.header("Retry-After");'},
        ),
    ]
    about = (
        "How an engine that asks who its callers are keeps them out. `guardedUrl` says where it is; while that is "
        "empty, nothing is sent. `tradeKey` is a key of `userId` with the scope trade. With bestfill's repository:\n\n"
        "    export BESTFILL_DATA_DIR=var/guarded BESTFILL_AUTH=keys BESTFILL_LIMIT_ORDERS=5/60 PORT=3001\n"
        "    ./dev bestfill keys create --user user-123 --scope trade\n"
        "    ./dev run"
    )
    return Folder("Access errors", about, calls, GUARDED)


def _refused(name: str, body: Body, field: str, values: dict[str, Any] | None = None) -> Call:
    return Call(
        name=name,
        operation="executeOrder",
        headers=JSON_HEADERS,
        body=body,
        status=400,
        code="VALIDATION_ERROR",
        wrong=field,
        values=values or {},
    )
