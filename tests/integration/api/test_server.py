"""The API on a real server and real sockets: limits, leaving clients, slow readers, shutdown."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from attrs import define
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bestfill.order import Status
from bestfill_api import server
from bestfill_api.crowd import Crowd
from bestfill_api.follow import Pace
from bestfill_api.server import Server, bind, url
from tests.unit.api.house import ORDER, UNKNOWN, House, house

EXECUTE = "/api/orders/execute"


class Listening(Server):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@define
class Served:
    """The house at an address."""

    house: House
    server: Server
    http: aiohttp.ClientSession
    address: tuple[str, int]
    done: asyncio.Task[None]

    def follow(self, path: str) -> connect:
        return connect(f"ws://{self.address[0]}:{self.address[1]}{path}", ping_interval=None)

    async def stats(self) -> dict[str, int]:
        async with self.http.get("/api/ws/stats") as answer:
            return await answer.json()

    async def raw(self, sent: bytes) -> bytes:
        """Send bytes, and give all that comes until the server closes."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer

    async def until(self, **wanted: int) -> None:
        """Wait until the figures of the sockets are these."""
        async with asyncio.timeout(10):
            while wanted.items() - (await self.stats()).items():
                pass


@asynccontextmanager
async def served(
    taken: socket.socket | None = None, crowd: Callable[[], Crowd] = Crowd, **wanted: Any
) -> AsyncIterator[Served]:
    with taken or bind("127.0.0.1", 0) as listening:
        async with house(**wanted) as opened:
            running = Listening(opened.app, url(listening), crowd())
            done = asyncio.create_task(running.serve(sockets=[listening]))
            async with aiohttp.ClientSession(url(listening)) as http:
                await asyncio.wait_for(running.listens.wait(), 10)
                try:
                    yield Served(opened, running, http, listening.getsockname()[:2], done)
                finally:
                    running.should_exit = True
                    await asyncio.wait_for(done, 20)


def ending(closed: ConnectionClosed) -> tuple[int, str]:
    assert closed.rcvd is not None, "the server did not say why"
    return closed.rcvd.code, closed.rcvd.reason


async def everything(socket_: ClientConnection) -> tuple[list[dict[str, Any]], int, str]:
    """Read to the close; give the events, the code and the reason."""
    told: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(20):
            while True:
                told.append(json.loads(await socket_.recv(decode=True)))
    except ConnectionClosed as closed:
        return told, *ending(closed)


async def test_an_order_is_followed_over_text_frames_to_its_end() -> None:
    async with served() as api:
        order_id = await api.house.place()
        async with api.follow(f"/ws/{order_id}") as following:
            await api.house.run(order_id)
            told, code, _ = await everything(following)
        assert [e["seq"] for e in told] == [1, 2, 3, 4, 5]
        assert code == 1000
        async with api.follow(f"/ws/{order_id}?since=3") as resumed:
            told, code, _ = await everything(resumed)
        assert ([e["seq"] for e in told], code) == ([4, 5], 1000)


@pytest.mark.parametrize(("path", "code"), [(f"/ws/{UNKNOWN}", 4404), ("/ws", 4400), ("/ws?userId=u&since=x", 4400)])
async def test_refusals_reach_the_client_as_close_codes(path: str, code: int) -> None:
    async with served() as api, api.follow(path) as refused:
        assert (await everything(refused))[:2] == ([], code)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_5_mb_is_refused_and_the_connection_goes_on(chunked: bool) -> None:
    async with served() as api:
        reader, writer = await asyncio.open_connection(*api.address)
        size = 5_000_000
        length = "transfer-encoding: chunked" if chunked else f"content-length: {size}"
        writer.write(
            f"POST {EXECUTE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{length}\r\n\r\n".encode()
        )
        body = b" " * size
        writer.write(b"%x\r\n" % size + body + b"\r\n0\r\n\r\n" if chunked else body)
        status, problem = await _answer(reader)
        assert (status, problem["code"]) == (413, "BODY_TOO_LARGE")
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert await _answer(reader) == (200, {"status": "ok"})
        writer.close()
        assert await api.house.placed() == 0


async def test_the_server_does_not_name_itself() -> None:
    async with served() as api, api.http.post(EXECUTE, json=ORDER) as answer:
        assert answer.status == 202
        assert "server" not in answer.headers


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ", b"GET / HTTP/1.1\r\n"])
async def test_a_head_without_end_is_cut_off(start: bytes) -> None:
    async with served() as api:
        reader, writer = await asyncio.open_connection(*api.address)
        writer.write(start + (b"a: b\r\n" if start.endswith(b"\r\n") else b"x" * 6) * 400_000)
        answer = b""
        with suppress(ConnectionError):  # what was under way when it closed makes it a reset
            answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert not answer or answer.startswith((b"HTTP/1.1 414 ", b"HTTP/1.1 431 "))


async def test_many_requests_in_one_packet_are_all_answered() -> None:
    body = json.dumps(ORDER).encode()
    request = b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    one = request % (EXECUTE.encode(), len(body), body)
    async with served() as api:
        reader, writer = await asyncio.open_connection(*api.address)
        writer.write(one * 300)  # more than a head may have, in whatever pieces it comes
        for _ in range(300):
            assert (await _answer(reader))[0] == 202
        writer.close()


async def test_garbage_is_refused() -> None:
    async with served() as api:
        assert (await api.raw(b"\x16\x03\x01\x00\x00garbage\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_long_message_from_a_client_ends_its_socket() -> None:
    async with served() as api:
        order_id = await api.house.place()
        async with api.follow(f"/ws/{order_id}?since=1") as chatty:
            for _ in range(100):
                await chatty.send("x" * 4_096)
            await chatty.send("x" * 4_097)
            assert (await everything(chatty))[1] == 1009
        await api.until(connections=0, subscriptions=0)


@pytest.mark.parametrize(
    ("frame", "code"), [(b"\x83\x80" + bytes(4), 1002), (b"\x88\x83" + bytes(4) + b"\x03\xe8\xff", 1007)]
)
async def test_what_is_no_websocket_frame_ends_a_socket(frame: bytes, code: int) -> None:
    async with served() as api, api.follow("/ws?userId=u") as odd:
        odd.transport.write(frame)  # of an unknown kind; a close whose reason is not UTF-8
        assert (await everything(odd))[1] == code


async def test_a_client_that_vanishes_is_noticed_at_once() -> None:
    async with served(pace=Pace(send_s=3_600)) as api:
        following = await api.follow(f"/ws/{await api.house.place()}")
        await api.until(connections=1)
        following.transport.abort()
        await api.until(connections=0, subscriptions=0)


async def test_a_slow_reader_is_closed_and_its_connection_dropped_while_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "LINGER_S", 0.05)
    taken = bind("127.0.0.1", 0)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    async with served(taken, pace=Pace(send_s=1.0)) as api:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(api.address)
        async with (
            api.follow("/ws?userId=user-123") as quick,
            await connect(f"ws://{api.address[0]}:{api.address[1]}/ws?userId=user-123", sock=deaf) as slow,
        ):
            await api.until(connections=2)
            slow.transport.pause_reading()
            placed = 0
            while (await api.stats())["slowClosed"] == 0:
                for _ in range(100):
                    await api.house.place()
                placed += 100
                for number in range(placed - 100, placed):
                    assert json.loads(await quick.recv())["userSeq"] == number + 1
                assert placed < 20_000
            await api.until(connections=1, subscriptions=1)
            async with asyncio.timeout(10):
                while len(api.server.server_state.connections) > 2:  # the quick one's and the statistics'
                    await api.stats()
            slow.transport.abort()


async def test_pings_of_a_client_that_does_not_read_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.BoundedSocket, "frames_per_s", 1_000_000)
    taken = bind("127.0.0.1", 0)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    async with served(taken, pace=Pace(send_s=3_600)) as api:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(api.address)
        reader, writer = await asyncio.open_connection(sock=deaf)
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        writer.write(
            f"GET /ws?userId=u HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            f"sec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        (connection,) = [c for c in api.server.server_state.connections if isinstance(c, server.BoundedSocket)]
        ping = b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125
        writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue]
        for _ in range(100):
            writer.write(ping * 500)
            await writer.drain()
            await api.stats()  # lets the server read them
        # It holds some 64 KB before it counts the peer as deaf; all pongs would be more than 6 MB.
        assert 0 < connection.transport.get_write_buffer_size() < 200_000
        writer.transport.abort()
        await api.until(connections=0)


async def test_stopping_tells_every_socket_and_ends() -> None:
    async with served() as api:
        order_id = await api.house.place()
        async with api.follow(f"/ws/{order_id}") as one, api.follow("/ws?userId=u") as other:
            await one.recv()
            api.server.should_exit = True
            assert (await everything(one))[1] == 1012
            assert (await everything(other))[1] == 1012
            await asyncio.wait_for(api.done, 10)


async def test_nothing_is_left_of_200_real_sockets() -> None:
    async with served() as api:
        order_id = await api.house.place()
        async with api.http.get("/health/live"):
            tasks = len(asyncio.all_tasks())
        for _ in range(4):
            followed = await asyncio.gather(*(api.follow(f"/ws/{order_id}") for _ in range(50)))
            await asyncio.gather(*(one.recv() for one in followed))
            await asyncio.gather(*(one.close() for one in followed))
        await api.until(connections=0, subscriptions=0, opened=200, closed=200)
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > tasks:
                await api.stats()
        await api.house.move(order_id, Status.CONFIRMED)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return int(head.split()[1]), json.loads(await reader.readexactly(length))


@pytest.mark.parametrize(
    "sent",
    [
        "GET /api/orders?userId=é HTTP/1.1\r\nhost: localhost\r\n\r\n".encode(),
        b"FOO / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"POST /api/quotes HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_like_any_other(sent: bytes) -> None:
    async with served() as api:
        head, _, body = (await api.raw(sent)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    told = json.loads(body)
    assert (told["status"], told["code"], told["title"]) == (400, "VALIDATION_ERROR", "Bad Request")
