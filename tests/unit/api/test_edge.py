"""What the edge does to every request and socket: names, headers, Host, addresses, limits."""

import asyncio
import base64
import hashlib
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from litestar.exceptions import HTTPException

from bestfill.access import Scope
from bestfill.errors import Unauthorized
from bestfill_adapters import logs
from bestfill_adapters.limits import Hold, Rate, Taken
from bestfill_adapters.settings import AccessSettings, Settings
from bestfill_adapters.settings.model import LimitSettings
from bestfill_api.edge.address import bucket, client
from bestfill_api.edge.identity import CREDENTIAL_MAX_CHARS, credential
from bestfill_api.edge.names import Names
from bestfill_api.turns import Turns
from tests.unit.api.gate import EXTENSION, bearer, key, knock
from tests.unit.api.house import ORDER, UNKNOWN, House, build, house
from tests.unit.api.wires import connect

ON_EVERY_ANSWER = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
LIMITS = LimitSettings(ip=Rate(50, 60), key=Rate(30, 60), orders=Rate(20, 60), sockets=1)
PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


class Limiter:
    """Allows what it is told, and remembers what was taken."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}
        self.taken: list[str] = []
        self.held: list[str] = []

    def take_at_once(self, bucket: str, rate: Rate) -> None:
        """Nothing: all must be waited for."""

    async def take(self, bucket: str, rate: Rate) -> Taken:
        self.taken.append(bucket)
        left = self.left.setdefault(bucket, rate.count)
        self.left[bucket] = max(0, left - 1)
        return Taken(left > 0, rate.count, max(0, left - 1), 9, 0 if left else 7)

    async def hold(self, bucket: str, most: int) -> Hold | None:
        if self.held.count(bucket) >= most:
            return None
        self.held.append(bucket)
        limiter = self

        class Place:
            def release(self) -> None:
                limiter.held.remove(bucket)

        return Place()


@asynccontextmanager
async def limited(auth: str = "keys", limits: LimitSettings = LIMITS, **access: Any) -> AsyncIterator[House]:
    settings = Settings(limits=limits, access=AccessSettings(auth=auth, **access))
    async with house(settings=settings, limiter=Limiter()) as api:
        yield api


def limiter_of(api: House) -> Limiter:
    return api.container.limiter()  # pyright: ignore[reportReturnType]


# Names and headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/web/nothing", 404),
        ("GET", "/health", 200),
        ("GET", "/schema", 200),
        ("GET", "/api/tokens", 200),
        ("GET", "/metrics", 200),
        ("POST", "/api/orders/execute", 415),
        ("DELETE", "/api/orders", 405),
        ("GET", "/nothing", 404),
        ("OPTIONS", "/api/orders", 204),
    ],
)
async def test_every_answer_has_a_name_of_its_own_and_says_how_browsers_may_use_it(
    api: House, method: str, path: str, status: int
) -> None:
    answers = [await api.http.request(method, path) for _ in range(2)]
    for answer in answers:
        assert answer.status_code == status
        assert {name: answer.headers[name] for name in ON_EVERY_ANSWER} == ON_EVERY_ANSWER
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        of_page = path.startswith(("/web", "/")) and status == 200 and path == "/"
        assert answer.headers["cache-control"] == ("no-cache" if of_page else "no-store")
        names = [name for name, _ in answer.headers.raw]
        assert len(names) == len(set(names))
    assert answers[0].headers["x-request-id"] != answers[1].headers["x-request-id"]


async def test_a_request_does_not_name_itself(api: House) -> None:
    answer = await api.http.get("/health", headers={"x-request-id": "mine"})
    assert "mine" not in answer.headers["x-request-id"]


async def test_a_refused_request_and_a_broken_one_have_them_too(caplog: pytest.LogCaptureFixture) -> None:
    async with limited() as api:
        api.store.get = None  # pyright: ignore[reportAttributeAccessIssue] - a bug
        headers = bearer(await key(api, "ann", Scope.READ))
        for answer in (
            await api.http.get("/api/tokens"),
            await api.http.get(f"/api/orders/{UNKNOWN}", headers=headers),
        ):
            assert answer.status_code in (401, 500)
            assert {name: answer.headers[name] for name in ON_EVERY_ANSWER} == ON_EVERY_ANSWER
            assert answer.headers["x-request-id"]
    assert "Bearer" not in caplog.text


class Lines(logging.Handler):
    """Renders lines as the services do."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logs._event(record))


async def test_the_lines_that_a_request_causes_carry_its_name_and_none_after_it(api: House) -> None:
    heard, root = Lines(), logging.getLogger("bestfill")
    root.addHandler(heard)
    root.setLevel(logging.INFO)
    try:
        answer = await api.http.post("/api/orders/execute", json=ORDER)
        await api.container.engine().cancel(answer.json()["orderId"])
    finally:
        root.removeHandler(heard)
        root.setLevel(logging.NOTSET)
    named = {line["event"]: line.get("request_id") for line in heard.lines}
    assert named["order accepted"] == answer.headers["x-request-id"]
    assert named["order cancelled"] is None


async def test_the_reference_pages_style_is_the_one_that_its_policy_allows(api: House) -> None:
    answer = await api.http.get("/schema")
    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


# The name that is asked


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 0),
        ("LOCALHOST:3000", 0),
        ("a.localhost", 0),
        ("localhost.", 0),
        ("127.0.0.1:3000", 0),
        ("192.0.2.7", 0),
        ("[::1]:3000", 0),
        ("[fe80::1]", 0),
        ("trade.example", 0),
        ("Trade.Example:443", 0),
        ("evil.example", 421),
        ("trade.example.evil", 421),
        ("eviltrade.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("[::1", 400),
        ("[evil]", 400),
        ("", 400),
        ("a b", 400),
        ("trade.example@evil", 400),
        ("trade.example:99999999", 400),
        ("tr\u00e4de.example", 400),
        ("x" * 254, 400),
    ],
)
def test_the_api_goes_by_its_own_names_and_by_addresses(host: str, status: int) -> None:
    names, value = Names(["trade.example"]), host.encode("latin-1")
    for _ in range(2):
        if status:
            with pytest.raises(HTTPException) as caught:
                names.check([(b"host", value)])
            assert caught.value.status_code == status
        else:
            names.check([(b"host", value)])
    names.check([])
    with pytest.raises(HTTPException):
        names.check([(b"host", b"localhost")] * 2)


async def test_a_page_at_another_name_gets_nothing(api: House) -> None:
    order_id = await api.place()
    own, other = {"host": "api"}, {"host": "rebound.example:3000", "origin": "http://rebound.example:3000"}
    for path in ("/", "/api/tokens", f"/api/orders/{order_id}", "/nothing"):
        answer = await api.http.get(path, headers=other)
        assert (answer.status_code, answer.json()["code"]) == (421, "MISDIRECTED_REQUEST")
        assert "BESTFILL_HOSTS" in answer.json()["detail"]
    assert (await api.http.post("/api/orders/execute", json=ORDER, headers=other)).status_code == 421
    assert await knock(api, f"/ws/{order_id}", other) == "421"
    assert await knock(api, f"/ws/{order_id}", own) == "open"
    assert await api.placed() == 1


async def test_who_needs_a_credential_may_use_any_name_unless_names_are_set() -> None:
    for hosts, status in (((), 401), (("api",), 421)):
        built = build(settings=Settings(access=AccessSettings(auth="keys", hosts=hosts)), hosts=())
        async with built.app.lifespan(), built.http as http:
            assert (await http.get("/api/tokens", headers={"host": "other.example"})).status_code == status


# Credentials


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Basic YTpi"],
        ["Bearer"],
        ["Bearer "],
        ["Bearer a b"],
        ["Bearer\ta"],
        ["a"],
        ["Bearer a", "Bearer a"],
        ["Bearer a, Bearer b"],
        ["Bearer \u00e4"],
        ["Bearer " + "a" * (CREDENTIAL_MAX_CHARS + 1)],
    ],
    ids=lambda headers: repr(headers)[:30],
)
def test_a_credential_comes_once_and_plainly(headers: list[str]) -> None:
    lines = [(b"authorization", header.encode("latin-1")) for header in headers]
    with pytest.raises(Unauthorized):
        credential(lines)


def test_a_credential_is_in_no_other_header() -> None:
    others = [(b"cookie", b"token=abc"), (b"x-api-key", b"abc"), (b"proxy-authorization", b"Bearer abc")]
    with pytest.raises(Unauthorized):
        credential(others)
    assert credential([*others, (b"authorization", b"bEARER   abc")]) == "abc"


async def test_a_socket_of_a_browser_offers_its_credential_as_a_subprotocol() -> None:
    async with limited(limits=LimitSettings()) as api:
        text = await key(api, "ann", Scope.READ)
        offers = ["bestfill", f"bearer.{text}"]
        async with connect(api.app, "/ws", subprotocols=offers, extensions=EXTENSION) as wire:
            assert wire.answer["subprotocol"] == "bestfill"
            assert text.encode() not in b"".join(value for _, value in wire.answer["headers"])
            assert b"x-request-id" in dict(wire.answer["headers"])
        both = {"authorization": f"Bearer {text}"}
        assert await knock(api, "/ws?since=0", both, subprotocols=offers) == "401"
        for offers in (["bestfill"], ["bestfill", f"bearer.{text}x"], [f"bestfill.{text}"]):
            assert await knock(api, "/ws?since=0", {}, subprotocols=offers) == "401"
        answer = await api.http.get("/api/tokens", headers={"sec-websocket-protocol": f"bestfill, bearer.{text}"})
        assert answer.status_code == 401  # that is for sockets alone


async def test_a_credential_in_a_url_is_none() -> None:
    async with limited() as api:
        text = await key(api, "ann", Scope.READ)
        for query in (f"access_token={text}", f"token={text}", f"authorization=Bearer%20{text}"):
            assert (await api.http.get(f"/api/tokens?{query}")).status_code == 401
            assert await knock(api, f"/ws?{query}", {}) == "401"


@pytest.mark.parametrize(
    "path", ["//", "/web/../api/tokens", "/web/%2e%2e/api/tokens", "/health/../api/tokens", "//web/"]
)
async def test_no_trick_of_paths_opens_a_call(path: str) -> None:
    async with limited() as api:
        answer = await api.http.get(httpx.URL("http://api", raw_path=path.encode()))
        assert answer.status_code in (401, 404)
        assert "tokens" not in answer.text or answer.status_code == 401


async def test_a_refused_socket_is_answered_with_a_problem_where_the_server_can() -> None:
    async with limited() as api:
        answer = "websocket.http.response.start"
        async with connect(api.app, "/ws", answer=answer, extensions=EXTENSION) as wire:
            headers = dict(wire.answer["headers"])
            assert (wire.answer["status"], headers[b"www-authenticate"]) == (401, b"Bearer")
            assert headers[b"content-type"] == b"application/problem+json"
            body = (await wire.outbox.get())["body"]
            assert b"UNAUTHORIZED" in body and int(headers[b"content-length"]) == len(body)
        async with connect(api.app, "/ws", answer="websocket.close") as wire:
            assert wire.answer["code"] == 4401
        foreign = {**bearer(await key(api, "ann", Scope.READ)), "host": "api", "origin": "http://evil.example"}
        assert await knock(api, "/ws?since=0", foreign) == "403"


# Addresses


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["1.1.1.1"], "192.0.2.1"),  # it is no proxy of ours
        ("10.0.0.1", ["1.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),  # what stands before may be made up
        ("10.0.0.1", ["6.6.6.6, 1.1.1.1, 10.0.0.2"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6", "1.1.1.1", "10.0.0.2"], "1.1.1.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["1.1.1.1, junk, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["1.1.1.1, junk"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [",".join(["10.0.0.9"] * 5_000)], "10.0.0.9"),
        ("::ffff:10.0.0.1", ["::ffff:1.1.1.1"], "1.1.1.1"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("", ["1.1.1.1"], ""),
        ("10.0.0.1", ["1.1.1.1:80"], "10.0.0.1"),
    ],
)
def test_a_caller_is_where_a_trusted_proxy_says(peer: str, forwarded: list[str], found: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    assert client(peer, headers, PROXIES) == found
    assert client(peer, headers, ()) == peer


def test_one_ipv6_network_of_64_bits_is_one_caller() -> None:
    assert bucket("2001:db8:0:1::1") == bucket("2001:db8:0:1:ffff::2") != bucket("2001:db8:0:2::1")
    assert bucket("::ffff:192.0.2.1") == bucket("192.0.2.1") == "ip:192.0.2.1"


# Limits


async def test_an_answer_says_what_is_left_of_the_limit_that_is_nearest() -> None:
    async with limited() as api:
        headers = bearer(await key(api, "ann", Scope.TRADE))
        answer = await api.http.get("/api/tokens", headers=headers)
        told = {name: answer.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")}
        assert told == {"limit": "30", "remaining": "29", "reset": "9"}
        placed = await api.http.post("/api/orders/execute", json={**ORDER, "userId": "ann"}, headers=headers)
        assert (placed.status_code, placed.headers["ratelimit-limit"]) == (202, "20")
        assert (await api.http.get("/health")).headers["ratelimit-limit"] == "50"
        (name,) = {taken for taken in limiter_of(api).taken if taken.startswith("key:")}
        assert set(limiter_of(api).taken) == {"ip:127.0.0.1", name, "orders:ann"}
        pair = {name: ORDER[name] for name in ("tokenIn", "tokenOut", "amountIn")}
        assert (await api.http.post("/api/quotes", json=pair, headers=headers)).headers["ratelimit-remaining"] == "19"
        assert "previews:ann" in limiter_of(api).taken


async def test_the_nearest_limit_need_not_be_the_last_that_was_asked() -> None:
    async with limited(limits=LimitSettings(ip=Rate(5, 60), key=Rate(30, 60))) as api:
        answer = await api.http.get("/api/tokens", headers=bearer(await key(api, "ann", Scope.READ)))
        assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("5", "4")


async def test_whoever_is_over_a_limit_is_told_when_to_come_back() -> None:
    async with limited() as api:
        text = await key(api, "ann", Scope.TRADE)
        order = {**ORDER, "userId": "ann"}
        assert (await api.http.post("/api/orders/execute", json=order, headers=bearer(text))).status_code == 202
        for name in [*limiter_of(api).taken][::-1]:
            limiter_of(api).left[name] = 0
            answer = await api.http.post("/api/orders/execute", json=order, headers=bearer(text))
            assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMITED")
            assert (answer.headers["retry-after"], answer.headers["ratelimit-remaining"]) == ("7", "0")
        assert await api.placed() == 1
        assert await knock(api, "/ws?since=0", bearer(text)) == "429"


async def test_an_address_that_is_over_its_limit_costs_no_look_at_its_credential() -> None:
    async with limited() as api:
        limiter_of(api).left["ip:127.0.0.1"] = 0
        api.control.down = True
        answer = await api.http.get("/api/tokens", headers=bearer(await _unknown()))
        assert answer.status_code == 429
        limiter_of(api).left["ip:127.0.0.1"] = 1
        answer = await api.http.get("/api/tokens", headers=bearer(await _unknown()))
        assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")
        assert answer.headers["retry-after"] == "1"


async def _unknown() -> str:
    return "bf_000000000000_" + "0" * 48


async def test_a_user_has_so_many_sockets_and_gets_their_places_back() -> None:
    async with limited() as api:
        ann, bob = bearer(await key(api, "ann", Scope.READ)), bearer(await key(api, "bob", Scope.READ))
        also_ann = bearer(await key(api, "ann", Scope.TRADE))
        lines = [(name.encode(), value.encode()) for name, value in ann.items()]
        async with connect(api.app, "/ws", headers=lines):
            assert await knock(api, "/ws", also_ann) == "429"
            assert await knock(api, f"/ws/{UNKNOWN}", bob) == "4404"
        async with connect(api.app, "/ws", headers=lines):
            pass
        assert limiter_of(api).held == []


async def test_without_credentials_limits_are_by_address() -> None:
    async with limited("none", proxies=(ip_network("127.0.0.1/32"),)) as api:
        headers = {"x-forwarded-for": "6.6.6.6, 192.0.2.7"}
        assert (await api.http.post("/api/orders/execute", json=ORDER, headers=headers)).status_code == 202
        assert limiter_of(api).taken == ["ip:192.0.2.7", "orders:user-123"]
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with connect(api.app, "/ws?userId=a", headers=lines):
            assert limiter_of(api).held == ["sockets:ip:192.0.2.7"]
            assert await knock(api, "/ws?userId=b", headers) == "429"


async def test_what_is_not_limited_asks_no_limiter(api: House) -> None:
    api.container.limiter.override(None)
    await api.place()
    async with connect(api.app, "/ws?userId=user-123"):
        pass
    assert "ratelimit-limit" not in (await api.http.get("/api/tokens")).headers


# Turns


class SomeWait(Turns):
    """Has some wait, and others go without; remembers who was refused."""

    def __init__(self, *wait: str, without: str = "") -> None:
        super().__init__()
        self.wait, self.without, self.blamed = wait, without, list[str]()
        self.waiting = asyncio.Event()

    def refused(self, who: str) -> None:
        self.blamed.append(who)

    def wait_s(self, who: str, most_us: int = 0) -> float | None:
        if who not in self.wait:
            return None if who == self.without else 0.0
        self.waiting.set()
        return 3_600.0


async def test_whoever_has_to_take_turns_waits_and_nobody_else_does() -> None:
    turns = SomeWait("192.0.2.1")
    settings = Settings(limits=LIMITS, access=AccessSettings(proxies=(ip_network("127.0.0.1"),)))
    async with house(settings=settings, limiter=Limiter(), turns=turns) as api:
        waits = asyncio.create_task(api.http.get("/health/live", headers={"x-forwarded-for": "192.0.2.1"}))
        await turns.waiting.wait()
        assert (await api.http.get("/health/live", headers={"x-forwarded-for": "192.0.2.2"})).status_code == 200
        assert not waits.done() and limiter_of(api).taken == ["ip:192.0.2.2"]
        waits.cancel()


async def test_whoever_has_no_turn_is_told_so_and_hung_up_on() -> None:
    async with house(settings=Settings(limits=LIMITS), limiter=Limiter(), turns=SomeWait(without="127.0.0.1")) as api:
        answer = await api.http.get("/health/live")
        assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMITED")
        assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
        assert await knock(api, "/ws", {}) == "429"
        assert limiter_of(api).taken == []


async def test_refusals_are_counted_by_address_and_answers_are_not() -> None:
    turns = SomeWait()
    async with house(settings=Settings(limits=LIMITS), limiter=Limiter(), turns=turns) as api:
        for path, status in (("/health/live", 200), ("/nothing", 404), ("/api/orders", 400), ("/api/tokens", 200)):
            assert (await api.http.get(path)).status_code == status
        assert turns.blamed == ["127.0.0.1"] * 2
        assert (await api.http.get("/", headers={"host": "evil.example"})).status_code == 421
        assert len(turns.blamed) == 3
        assert await knock(api, "/ws", {"origin": "http://evil.example"}) == "403"
        assert len(turns.blamed) == 4


async def test_without_a_limit_of_addresses_nobody_takes_turns() -> None:
    async with house() as api:
        assert api.api.turns() is None
    async with limited() as api:
        assert api.api.turns() is not None
