"""Pages of other origins can neither act nor listen in their visitor's name."""

import pytest

from bestfill_api.origin import foreign
from tests.unit.api.house import ORDER, House
from tests.unit.api.wires import connect

OWN = "http://api"
FOREIGN = "http://elsewhere.example"


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://127.0.0.1:3000", "127.0.0.1:3000", True),
        ("http://[::1]:3000", "[::1]:3000", True),
        ("https://trade.example", "trade.example", True),
        ("https://trade.example", "trade.example:443", True),
        ("https://trade.example:8443", "trade.example", True),  # a proxy that leaves the port out
        ("https://Trade.Example", "trade.example", True),
        ("http://127.0.0.1:8000", "127.0.0.1:3000", False),
        ("http://trade.example", "trade.example:443", False),
        ("http://trade.example.evil", "trade.example", False),
        ("http://eviltrade.example", "trade.example", False),
        ("http://trade.example@evil", "trade.example", False),
        ("null", "trade.example", False),
        ("", "trade.example", False),
        ("file://trade.example", "trade.example", False),
        ("http://trade.example:x", "trade.example", False),
        ("http://[", "[", False),
        ("http://tr\u00e4de.example", "trade.example", False),
    ],
)
def test_an_origin_is_the_apis_own_by_scheme_host_and_port(origin: str, host: str, same: bool) -> None:
    headers = [(b"origin", origin.encode()), (b"host", host.encode())]
    assert foreign(headers) is not same
    assert foreign([*headers, headers[0]])  # twice
    assert foreign(headers[:1])  # no host
    assert not foreign(headers[1:])  # no page


async def test_a_page_of_another_origin_neither_places_nor_cancels(api: House) -> None:
    order_id = await api.place()
    for path, body in (("execute", ORDER), (f"{order_id}/cancel", None)):
        answer = await api.http.post(f"/api/orders/{path}", json=body, headers={"origin": FOREIGN})
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert await api.placed() == 1
    assert (await api.store.get(order_id)).seq == 1
    own = await api.http.post(f"/api/orders/{order_id}/cancel", headers={"origin": OWN})
    assert own.status_code == 200


@pytest.mark.parametrize("url", ["/ws?userId=user-123", "/ws/{}"])
async def test_a_page_of_another_origin_hears_nothing(api: House, url: str) -> None:
    url = url.format(await api.place())
    host, own, other = (b"host", b"api"), (b"origin", OWN.encode()), (b"origin", FOREIGN.encode())
    async with connect(api.app, url, headers=[host, other], answer="websocket.close") as wire:
        await wire.done()
        assert wire.outbox.empty()
    async with connect(api.app, url, headers=[host, own]):
        pass  # accepted
