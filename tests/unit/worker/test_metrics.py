"""A worker's metrics over HTTP, and what strangers get there."""

import asyncio
import socket

import pytest

from bestfill_adapters.settings import SettingsError
from bestfill_worker import metrics
from bestfill_worker.metrics import AT_ONCE, HEAD_MAX_BYTES, served

WAIT_S = 20
HOST = "127.0.0.1"


def port_of(url: str | None) -> int:
    assert url is not None and url.startswith(f"http://{HOST}:") and url.endswith("/metrics")
    return int(url.split(":")[2].partition("/")[0])


async def said(port: int, request: bytes) -> tuple[str, bytes]:
    """Give the first line and the body of an answer, or nothing if there is none."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        async with asyncio.timeout(WAIT_S):
            writer.write(request)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            return head.decode().partition("\r\n")[0], body
    except ConnectionError:
        return "", b""
    finally:
        writer.close()


async def test_prometheus_gets_the_text_and_whoever_asks_for_something_else_is_told_where_it_is():
    async with served(lambda: b"bestfill_build 1\n", HOST, 0) as url:
        port = port_of(url)
        good = await said(port, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        assert good == ("HTTP/1.1 200 OK", b"bestfill_build 1\n")
        assert (await said(port, b"GET /metrics?x=1 HTTP/1.0\r\n\r\n"))[0] == "HTTP/1.1 200 OK"
        assert (await said(port, b"GET / HTTP/1.1\r\n\r\n"))[0] == "HTTP/1.1 404 Not Found"
        assert (await said(port, b"POST /metrics HTTP/1.1\r\n\r\n"))[0] == "HTTP/1.1 405 Method Not Allowed"
        assert (await said(port, b"\r\n\r\n"))[0] == "HTTP/1.1 404 Not Found"


async def test_what_is_too_long_or_too_slow_is_cut_off_and_others_are_served(monkeypatch: pytest.MonkeyPatch):
    async with served(lambda: b"text", HOST, 0) as url:
        port = port_of(url)
        assert await said(port, b"GET /metrics HTTP/1.1\r\nx: " + b"x" * 10 * HEAD_MAX_BYTES) == ("", b"")
        idle = [await asyncio.open_connection(HOST, port) for _ in range(AT_ONCE)]
        assert await said(port, b"GET /metrics HTTP/1.1\r\n\r\n") == ("", b"")
        for _, writer in idle:
            writer.close()
        while (await said(port, b"GET /metrics HTTP/1.1\r\n\r\n"))[1] != b"text":
            pass
        monkeypatch.setattr(metrics, "ANSWER_S", 0.01)
        assert await said(port, b"GET /metrics HTTP/1.1\r\n") == ("", b"")


async def test_a_port_that_is_taken_is_told_by_the_setting_s_name():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"^BESTFILL_METRICS_PORT: cannot listen on {HOST}, port {port}: Addr"):
            async with served(lambda: b"", HOST, port):
                pass
    with pytest.raises(SettingsError, match="cannot listen on no-such-host.invalid, port 1: .*; name another port"):
        async with served(lambda: b"", "no-such-host.invalid", 1):
            pass


async def test_without_a_port_nothing_is_served():
    async with served(lambda: b"", HOST, None) as url:
        assert url is None
