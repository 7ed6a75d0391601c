"""Clients that are slow, too many, too large or too loud: each is given up in time, and told why if it can be."""

import asyncio
import json
import socket
from contextlib import suppress
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from bestfill_api.bounded import BoundedHttp
from bestfill_api.crowd import Crowd
from bestfill_api.ip import subject
from bestfill_api.server import BoundedSocket, bind
from bestfill_api.turns import Turns
from tests.integration.api.test_server import EXECUTE, Served, everything, served

SOON_S = 0.05
UPGRADE = (
    b"GET /ws?userId=u HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
)


def refused(answer: bytes) -> tuple[int, str]:
    """Give the status and the code of the only answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    problem: dict[str, Any] = json.loads(body)
    assert b"content-type: application/problem+json" in head.lower()
    assert head.startswith(b"HTTP/1.1 %d " % problem["status"])
    return problem["status"], problem["code"]


async def dripped(api: Served, start: bytes, drop: bytes) -> bytes:
    """Send a start, then drop after drop for as long as the server takes them; give what it said.

    That may be lost, if a drop was under way when it hung up.
    """
    reader, writer = await asyncio.open_connection(*api.address)
    answer = asyncio.ensure_future(_all(reader))
    writer.write(start)
    async with asyncio.timeout(10):
        while not answer.done():
            writer.write(drop)
            await asyncio.wait([answer], timeout=0.005)
    writer.close()
    return answer.result()


async def _all(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("start", [b"GET / HT", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: "])
async def test_a_head_must_be_whole_in_time_however_it_drips(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "head_s", SOON_S)
    async with served() as api:
        assert refused(await api.raw(start)) == (408, "REQUEST_TIMEOUT")
        assert refused(await dripped(api, start, b"")) == (408, "REQUEST_TIMEOUT")


async def test_a_second_head_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "head_s", SOON_S)
    async with served() as api:
        told = await api.raw(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\nGET /")
        assert told.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 408 " in told


async def test_who_says_nothing_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "silent_s", SOON_S)
    async with served() as api:
        assert await api.raw(b"") == b""


@pytest.mark.parametrize("how", [b"content-length: 100", b"transfer-encoding: chunked"])
async def test_a_body_must_be_whole_in_time_however_it_drips(how: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "body_s", SOON_S)
    named = b"host: localhost\r\ncontent-type: application/json\r\n" + how
    head = b"POST %s HTTP/1.1\r\n%s\r\n\r\n" % (EXECUTE.encode(), named)
    drop = b"1\r\n \r\n" if b"chunked" in how else b""
    async with served() as api:
        told = await dripped(api, head, drop)
        assert refused(told) == (408, "REQUEST_TIMEOUT") if told else drop
        assert await api.house.placed() == 0


async def test_a_refused_body_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "body_s", SOON_S)
    head = b"POST %s HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n" % EXECUTE.encode()
    async with served() as api:
        told = await dripped(api, head, b"1\r\n \r\n")
        assert not told or refused(told) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_who_does_not_read_answers_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "take_s", SOON_S)
    taken = bind("127.0.0.1", 0)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    async with served(taken) as api:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(api.address)
        _, writer = await asyncio.open_connection(sock=deaf, limit=1)
        writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue]
        writer.write(b"GET /schema/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n" * 20)
        async with asyncio.timeout(10):
            while not api.server.server_state.connections:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)
            while api.server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        writer.transport.abort()


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /%s HTTP/1.1\r\nhost: localhost\r\n\r\n" % (b"x" * 8_000), 414, "URI_TOO_LONG"),
        (b"GET / HTTP/1.1\r\n%s\r\n" % (b"a: b\r\n" * 101), 431, "HEADERS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\na: %s\r\n\r\n" % (b"x" * 8_000), 431, "HEADERS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\n%s: x\r\n\r\n" % (b"x" * 8_000), 431, "HEADERS_TOO_LARGE"),
        (UPGRADE + b"a: %s\r\n\r\n" % (b"x" * 8_190), 431, "HEADERS_TOO_LARGE"),
        (UPGRADE + b"content-length: 1\r\n\r\nx", 400, "VALIDATION_ERROR"),
    ],
)
async def test_what_is_too_large_or_no_handshake_is_refused_at_once(sent: bytes, status: int, code: str) -> None:
    async with served() as api:
        assert refused(await api.raw(sent)) == (status, code)
        nowhere = b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        assert refused(await api.raw(nowhere))[0] == 404


@pytest.mark.parametrize(
    "sent", [UPGRADE.replace(b"GET", b"POST"), UPGRADE.replace(b"13", b"12"), UPGRADE.replace(b"key", b"lock")]
)
async def test_what_is_not_quite_a_handshake_is_refused_at_once(sent: bytes) -> None:
    async with served() as api:
        assert (await api.raw(sent + b"\r\n")).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("crowd", [partial(Crowd, most=2), partial(Crowd, per_address=2)])
async def test_one_connection_too_many_is_refused_and_none_once_others_have_left(crowd: Any) -> None:
    live = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    async with served(crowd=crowd) as api:
        _, one = await asyncio.open_connection(*api.address)
        async with api.follow("/ws?userId=u"):
            assert refused(await api.raw(live)) == (503, "TOO_MANY_CONNECTIONS")
            one.close()
            async with asyncio.timeout(10):
                while not (await api.raw(live)).startswith(b"HTTP/1.1 200 "):
                    pass


async def test_a_proxy_may_have_more_connections_than_an_address() -> None:
    async with (
        served(crowd=partial(Crowd, per_address=1, proxies=[ip_network("127.0.0.0/8")])) as api,
        api.follow("/ws?userId=u"),
    ):
        assert (await api.stats())["connections"] == 1


async def test_nothing_is_kept_of_who_has_left() -> None:
    async with served() as api:
        for sent in (b"GET / HTTP/1.1\r\n", b"nonsense\r\n\r\n", UPGRADE + b"\r\n"):
            for _ in range(5):
                _, writer = await asyncio.open_connection(*api.address)
                writer.write(sent)
                writer.close()
        crowd = api.server.server_state
        assert isinstance(crowd, Crowd)
        async with asyncio.timeout(10):
            while crowd.connections or vars(crowd)["_addresses"] or vars(crowd)["_due"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("pings", [False, True])
async def test_who_shouts_is_shown_out_and_who_whispers_is_not(pings: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedSocket, "frames_per_s", 20)
    async with served() as api:
        async with api.follow("/ws?userId=u") as whispering:
            for _ in range(20):
                await whispering.send("hello")
            async with api.follow("/ws?userId=u") as shouting, asyncio.timeout(10):
                with suppress(ConnectionClosed):
                    while True:
                        await (shouting.ping() if pings else shouting.send("hello"))
                        await asyncio.sleep(0)
                assert (await everything(shouting))[1] == 1008
            assert (await api.stats())["connections"] == 1
        await api.until(connections=0, subscriptions=0)


@pytest.mark.parametrize(
    ("host", "stands_for"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/socket", "/run/socket"),
    ],
)
def test_one_host_is_one_address_however_many_it_has(host: str, stands_for: str) -> None:
    assert subject(host) == stands_for


class Blame(Turns):
    """Remembers who was refused, and has no turn for so many at first."""

    def __init__(self, without: int = 0) -> None:
        super().__init__()
        self.without, self.blamed = without, list[str]()

    def refused(self, who: str) -> None:
        self.blamed.append(who)

    def wait_s(self, who: str, most_us: int = 0) -> float | None:
        self.without -= 1
        return None if self.without >= 0 else 0.0


LIVE = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


async def test_a_connection_without_a_turn_is_not_answered_unless_it_is_a_proxys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BoundedHttp, "turned_away_s", SOON_S)
    async with served(crowd=lambda: Crowd(turns=Blame(3))) as api:
        for _ in range(3):
            with suppress(ConnectionError):
                assert await api.raw(LIVE) == b""
        assert (await api.raw(LIVE)).startswith(b"HTTP/1.1 200 ")
    async with served(crowd=lambda: Crowd(turns=Blame(3), proxies=[ip_network("127.0.0.0/8")])) as api:
        assert (await api.raw(LIVE)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", [b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", UPGRADE[:-30] + b"\r\n\r\n"])
async def test_what_is_no_request_is_counted_unless_it_comes_from_a_proxy(sent: bytes) -> None:
    for proxies, blamed in (((), ["127.0.0.1"]), ((ip_network("127.0.0.0/8"),), [])):
        turns = Blame()
        async with served(crowd=partial(Crowd, turns=turns, proxies=proxies)) as api:
            assert b" 400 " in await api.raw(sent)
            assert turns.blamed == blamed


async def test_a_full_house_is_no_fault_of_who_comes() -> None:
    turns = Blame()
    async with served(crowd=partial(Crowd, turns=turns, most=0)) as api:
        assert refused(await api.raw(LIVE)) == (503, "TOO_MANY_CONNECTIONS")
        assert turns.blamed == []


async def test_a_proxy_is_known_however_its_address_is_written_and_who_has_left_is_none() -> None:
    turns = Blame(9)
    crowd = Crowd(1, [ip_network("10.0.0.0/8")], turns=turns)
    for host in ("10.0.0.1", "::ffff:10.0.0.1"):
        assert crowd.enter(host) and crowd.enter(host) and crowd.has_turn(host)
    assert turns.without == 9
    assert not crowd.has_turn("") and crowd.enter("") and not crowd.enter("")
    crowd.refused("")
    assert turns.blamed == [""]
