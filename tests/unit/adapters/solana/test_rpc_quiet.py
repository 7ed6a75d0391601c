"""Nothing that tells where requests go, or what came back, reaches a log, an error or a repr; over real connections."""

import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpcore  # noqa: F401 - its loggers
import httpx
import pytest

from bestfill.errors import NetworkUnavailable
from bestfill.quote import Height
from bestfill.testing.clock import ManualClock
from bestfill_adapters.logs import configure
from bestfill_adapters.solana.rpc import Rpc
from bestfill_adapters.solana.rpc.quiet import LOGGERS, unheard
from tests.unit.adapters.solana.nodes import SECRET, never

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Serve) -> AsyncIterator[str]:
    """Serve on loopback; give the URL, which holds a secret."""
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await answer(reader, writer)
        except (ConnectionError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http://user:{SECRET}@127.0.0.1:{port}/{SECRET}?api-key={SECRET}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def question(reader: asyncio.StreamReader) -> tuple[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    size = next(int(line.split(":")[1]) for line in head.lower().split("\r\n") if line.startswith("content-length"))
    return head, json.loads(await reader.readexactly(size))


def written(body: bytes, head: str = "HTTP/1.1 200 OK") -> bytes:
    more = f"X-{SECRET}: {SECRET}\r\nSet-Cookie: a={SECRET}\r\nContent-Length: {len(body)}"
    return f"{head}\r\n{more}\r\n\r\n".encode() + body


def answering(make: Callable[[Any], bytes]) -> Serve:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, asked = await question(reader)
            writer.write(make(asked))
            await writer.drain()

    return answer


def well(asked: Any) -> bytes:
    result = {"absoluteSlot": 6, "blockHeight": 5}
    return written(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode())


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await question(reader)
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"hunter2"')
    await never()


async def cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await question(reader)
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"hunter2"')


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await question(reader)
    writer.write(b"hunter2 hunter2 hunter2\r\n\r\n")


TROUBLES: dict[str, Serve] = {
    "HTML": answering(lambda _: written(b"<html>hunter2</html>")),
    "HTTP 500": answering(lambda _: written(b"hunter2", f"HTTP/1.1 500 {SECRET}")),
    "a redirect": answering(lambda _: written(b"", f"HTTP/1.1 302 Found\r\nLocation: http://{SECRET}/")),
    "a redirect to nowhere": answering(lambda _: written(b"", "HTTP/1.1 302 Found\r\nLocation: http://[hunter2")),
    "10 MB": answering(lambda _: written(b"x" * 10_000_000)),
    "a drip": drip,
    "half of it": cut_off,
    "no HTTP": no_http,
}


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Have all loggers tell everything, and give all that they told."""
    caplog.set_level(logging.DEBUG)
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, name)
    caplog.handler.setFormatter(logging.Formatter("%(name)s %(message)s %(exc_info)s"))
    return lambda: caplog.text + "".join(str(vars(record)) for record in caplog.records)


async def test_an_endpoint_that_answers_is_not_told_of(heard: Callable[[], str]):
    asyncio.get_running_loop().set_debug(True)
    async with serving(answering(well)) as url:
        client = Rpc([url], ManualClock())
        for _ in range(2):
            assert await client.height() == Height(5, 6)
        assert SECRET not in repr(client) + str(client) + repr(vars(client))
        await client.close()
        assert SECRET not in heard() and url.split("@")[1].split("/")[0] not in heard()


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_trouble_is_told_in_our_own_words(trouble: str, heard: Callable[[], str]):
    async with serving(TROUBLES[trouble]) as url:
        client = Rpc([url], ManualClock(), try_s=0.1 if trouble == "a drip" else 10, call_s=20)
        with pytest.raises(NetworkUnavailable) as caught:
            await client.height()
        await client.close()
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    logging.getLogger("bestfill").error("unforeseen", exc_info=error)
    port = url.split(":")[3].split("/")[0]
    for shown in (str(error), repr(error), heard()):
        assert SECRET not in shown and port not in shown


async def test_nobody_there_is_told_without_saying_where(heard: Callable[[], str]):
    async with serving(answering(well)) as url:
        pass
    client = Rpc([url], ManualClock())
    with pytest.raises(NetworkUnavailable, match=r"^endpoint 1 of 1 could not be reached \(ConnectError\)$"):
        await client.height()
    await client.close()
    assert SECRET not in heard() and "127.0.0.1" not in heard()


async def test_a_name_that_does_not_resolve_is_not_told(heard: Callable[[], str], monkeypatch: pytest.MonkeyPatch):
    async def unknown(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"no such name: {host}")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    client = Rpc([f"https://{SECRET}.invalid/"], ManualClock())
    with pytest.raises(NetworkUnavailable, match="^endpoint 1 of 1 could not be reached"):
        await client.height()
    await client.close()
    assert SECRET not in heard()


async def test_a_cancelled_request_leaves_no_connection_and_no_word(heard: Callable[[], str]):
    begun, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await question(reader)
        begun.set()
        await reader.read()
        gone.set()

    async with serving(silent) as url:
        client = Rpc([url], ManualClock())
        call = asyncio.create_task(client.blockhash())
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(10):
            await gone.wait()
        await client.close()
    assert SECRET not in heard()


async def test_our_own_logs_at_their_most_talkative_show_nothing():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure("debug", stream)
    try:
        root.setLevel(logging.DEBUG)
        async with serving(answering(well)) as url, serving(TROUBLES["HTML"]) as bad:
            for one in (url, bad):
                client = Rpc([one], ManualClock())
                try:
                    await client.height()
                except NetworkUnavailable as error:
                    logging.getLogger("bestfill").exception("unforeseen", exc_info=error)
                await client.close()
    finally:
        root.handlers[:], root.level = before
    assert "an RPC endpoint fails" in stream.getvalue()
    assert SECRET not in stream.getvalue() and "127.0.0.1" not in stream.getvalue()


def test_every_logger_of_the_libraries_is_kept_quiet():
    named = set(logging.root.manager.loggerDict)
    theirs = {name for name in named if name.partition(".")[0] in {"httpx", "httpcore", "h11"}}
    assert theirs - {"httpcore"} <= set(LOGGERS)


async def test_others_who_use_the_libraries_are_logged_as_ever(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "httpx")
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    async with httpx.AsyncClient(transport=transport) as client:
        with unheard():
            await client.get("http://one.example")
        await client.get("http://other.example")
    assert "one.example" not in caplog.text and "other.example" in caplog.text
