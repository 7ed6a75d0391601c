"""Who may make which call: every call and both sockets, by every kind of caller, in one table.

Callers bring: nothing; something that is no credential of this engine; one that has expired; one that was revoked; a
good one of another user, with the scope trade; good ones of ann's with the scopes read, trade and admin. The calls are
about ann, and about an order of hers. `open` is a socket that is served, a number above 4000 what one is closed with;
all other numbers are HTTP statuses: of sockets, before they are accepted.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from bestfill.access import Scope
from bestfill.units import Millis, OrderId
from tests.unit.api.gate import Headers, bearer, jwks, key, keys, knock, public, revoke, token, tokens
from tests.unit.api.house import House, house, with_

TABLE = """
                                         nothing  wrong  expired  revoked  other   read  trade  admin
GET  /                                       200    200      200      200    200    200    200    200
GET  /web/{name}                             200    200      200      200    200    200    200    200
GET  /health                                 200    200      200      200    200    200    200    200
GET  /health/live                            200    200      200      200    200    200    200    200
GET  /health/ready                           200    200      200      200    200    200    200    200
GET  /schema                                 200    200      200      200    200    200    200    200
GET  /schema/openapi.json                    200    200      200      200    200    200    200    200
GET  /schema/openapi.yaml                    200    200      200      200    200    200    200    200
GET  /schema/openapi.yml                     200    200      200      200    200    200    200    200
GET  /schema/asyncapi.json                   200    200      200      200    200    200    200    200
GET  /schema/{path}                          404    404      404      404    404    404    404    404
POST /api/orders/execute                     401    401      401      401    403    403    202    403
POST /api/orders/{orderId}/cancel            401    401      401      401    404    403    200    403
GET  /api/orders                             401    401      401      401    404    200    200    403
GET  /api/orders/{orderId}                   401    401      401      401    404    200    200    403
GET  /api/orders/{orderId}/events            401    401      401      401    404    200    200    403
GET  /api/orders/{orderId}/executions        401    401      401      401    404    200    200    403
POST /api/quotes                             401    401      401      401    403    200    200    403
GET  /api/tokens                             401    401      401      401    200    200    200    403
GET  /api/queue/stats                        401    401      401      401    200    200    200    403
GET  /api/ws/stats                           401    401      401      401    200    200    200    403
GET  /api/activity                           401    401      401      401    200    200    200    403
GET  /metrics                                401    401      401      401    403    403    403    200
GET  /api/admin/halt                         401    401      401      401    403    403    403    200
POST /api/admin/halt                         401    401      401      401    403    403    403    200
POST /api/admin/resume                       401    401      401      401    403    403    403    200
WS   /ws/{orderId}                           401    401      401      401   4404   open   open    403
WS   /ws                                     401    401      401      401   4404   open   open    403
GET  /nothing/at/all                         401    401      401      401    404    404    404    404
WS   /nothing/at/all                         401    401      401      401    404    404    404    403
"""
CALLERS, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = {(method, path): dict(zip(CALLERS, cells, strict=True)) for method, path, *cells in ROWS}
BODIES: Mapping[str, Any] = {
    "/api/orders/execute": with_(userId="ann"),
    "/api/quotes": with_(userId="ann"),
    "/api/admin/halt": {"reason": "a test"},
}


def asked(path: str, order_id: str) -> str:
    """Give a URL about ann, or about her order."""
    url = path.replace("{orderId}", order_id).replace("{name}", "app.js").replace("{path}", "nothing.json")
    return f"{url}?userId=ann&since=0" if url == "/ws" else f"{url}?userId=ann" if url == "/api/orders" else url


@asynccontextmanager
async def gate_of_keys(_: Path) -> AsyncIterator[tuple[House, dict[str, Headers]]]:
    async with keys() as api:
        now = api.clock.now()
        callers = {
            "expired": await key(api, "ann", Scope.TRADE, expires_at=now),
            "revoked": await key(api, "ann", Scope.TRADE),
            "other": await key(api, "bob", Scope.TRADE),
            "read": await key(api, "ann", Scope.READ, expires_at=Millis(now + 1)),
            "trade": await key(api, "ann", Scope.TRADE),
            "admin": await key(api, "ann", Scope.ADMIN),
        }
        callers["wrong"] = callers["trade"][:-1] + ("0" if callers["trade"][-1] != "0" else "1")
        await revoke(api, callers["revoked"])
        yield api, {"nothing": {}, **{name: bearer(text) for name, text in callers.items()}}


@asynccontextmanager
async def gate_of_tokens(folder: Path) -> AsyncIterator[tuple[House, dict[str, Headers]]]:
    path = jwks(folder / "jwks.json", public("ES256", "one"), public("ES256", "old", 1))
    async with tokens(path) as api:
        callers = {
            "wrong": token(number=2),
            "expired": token(exp=1_700_000_000, iat=1_600_000_000),
            "revoked": token(number=1, kid="old"),
            "other": token(sub="bob"),
            "read": token(scope="read"),
            "trade": token(scope="openid trade"),
            "admin": token(scope="admin"),
        }
        assert (await api.http.get("/api/tokens", headers=bearer(callers["revoked"]))).status_code == 200
        jwks(path, public("ES256", "one"))
        await api.api.keeper().look()
        yield api, {"nothing": {}, **{name: bearer(text) for name, text in callers.items()}}


@pytest.mark.parametrize("gate", [gate_of_keys, gate_of_tokens], ids=["keys", "jwt"])
async def test_every_call_is_open_to_those_whom_the_table_names(gate: Any, tmp_path: Path) -> None:
    wrong: list[tuple[str, ...]] = []
    async with gate(tmp_path) as (api, callers):
        for (method, path), cells in CELLS.items():
            for caller, expected in cells.items():
                found = await tried(api, method, path, callers[caller])
                if found != expected:
                    wrong.append((method, path, caller, found, f"not {expected}"))
    assert wrong == []


async def tried(api: House, method: str, path: str, headers: Headers) -> str:
    """Make a call about an order that is there for it alone; give the cell."""
    url = asked(path, await placed(api))
    if method == "WS":
        return await knock(api, url, headers)
    answer = await api.http.request(method, url, json=BODIES.get(path), headers=headers)
    assert answer.status_code != 401 or answer.headers["www-authenticate"] == "Bearer"
    return str(answer.status_code)


async def placed(api: House) -> OrderId:
    """Place an order of ann's behind the API's back."""
    order = await api.container.engine().place(api.api.intake().order(ORDER))
    return order.id


ORDER = b"""{"userId": "ann", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1"}"""


async def test_the_table_has_every_call_and_every_socket() -> None:
    async with house() as api:
        served = {
            (method, path)
            for route in api.app.routes
            for path in [route.path.replace(":str", "")]
            for method in (sorted(route.methods - {"OPTIONS"}) if isinstance(route, HTTPRoute) else ["WS"])
        }
    assert served == {(method, path) for method, path in CELLS if path != "/nothing/at/all"}


async def test_what_a_path_takes_is_told_to_known_callers_alone(tmp_path: Path) -> None:
    async with gate_of_keys(tmp_path) as (api, callers):
        for path in {path for method, path in CELLS if method != "WS"}:
            url = asked(path, await placed(api))
            is_open = CELLS.get(("GET", path), {}).get("nothing") in ("200", "404")
            known = 404 if "/nothing" in path else 204
            assert (await api.http.options(url)).status_code == (known if is_open else 401), path
            assert (await api.http.options(url, headers=callers["admin"])).status_code == known, path


async def test_without_access_control_every_call_is_open() -> None:
    async with house() as api:
        for (method, path), cells in CELLS.items():
            may = {"trade": cells["trade"], "admin": cells["admin"]}
            best = next((cell for cell in may.values() if cell != "403"), "403")
            assert await tried(api, method, path, {}) == best, path
