"""Requests as hostile clients make them: tricks with heads, paths, lengths, names, keys, bodies and frames.

No answer to them may be a 5xx, and none may tell what is another user's.
"""

import asyncio
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from attrs import define

LAST: Final = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
"""After its answer the server hangs up."""
ANSWER_S: Final = 60.0

_ORDER: Final = {
    "tokenIn": "So11111111111111111111111111111111111111112",
    "tokenOut": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "amountIn": "1.5",
    "minAmountOut": "140",
    "slippageTolerance": 0.5,
}
_BODY: Final = json.dumps(_ORDER).encode()


@define
class Enemy:
    """What hostile requests are made of: a key that is good, for a user of its own, and the id of another's order."""

    key: str
    order_id: str
    number: int = 0

    def head(self, line: str, *headers: str, key: bool = True) -> bytes:
        """Write a head; each is from another address, so that limits of addresses stop none."""
        self.number += 1
        n = self.number
        told = [line, "host: localhost", f"x-forwarded-for: 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", *headers]
        if key:
            told.append(f"authorization: Bearer {self.key}")
        return ("\r\n".join(told) + "\r\n\r\n").encode("latin-1")

    def get(self, path: str, *headers: str, key: bool = True) -> bytes:
        return self.head(f"GET {path} HTTP/1.1", *headers, key=key)

    def post(self, path: str, body: bytes, *headers: str) -> bytes:
        named = ("content-type: application/json", f"content-length: {len(body)}", *headers)
        return self.head(f"POST {path} HTTP/1.1", *named) + body


def whole(enemy: Enemy) -> Iterator[bytes]:
    """Requests that are well-formed HTTP, and are answered with 2xx to 4xx on a connection that goes on."""
    order, execute = enemy.order_id, "/api/orders/execute"
    paths = [
        *(f"/api/orders/{order}{end}" for end in ("", "/events", "/executions", "/", "//", "%00", "%20", ";a=b", "/.")),
        *(f"/api/orders/{start}{order}" for start in ("../", "./", "%2e%2e/", "%2F", "..%2f", "/", "\\")),
        f"/api/orders/{order.upper()}",
        f"/api/orders/%7B{order}%7D",
        f"/api/orders/{order}?userId=somebody",
        f"http://evil.example/api/orders/{order}",
        f"http://localhost:1/api/orders/{order}",
        "/api/orders?userId=somebody",
        "/api/orders?limit=1&limit=2",
        "/api/orders?limit=99999999999999999999&offset=-1",
        "/api/orders?offset=999999999999999999",
        "/api/orders?userId=%ED%A0%80&limit=%D9%A3",
        "/api/orders?" + "&".join(f"k{n}=v" for n in range(900)),
        "/api/orders?" + "&".join(["limit"] * 1_000),
        "/api/orders?" + "%00" * 1_000,
        "/api/orders/00000000-0000-7000-8000-000000000000",
        "/api/orders/%ff%fe",
        "/api/orders/' OR 1=1 --".replace(" ", "%20"),
        "/api/orders/__proto__",
        "/api/orders/${jndi:ldap://x}",
        "/web/../../server.py",
        "/web/%2e%2e%2f%2e%2e%2fserver.py",
        "/web/..%5c..%5cserver.py",
        "/web/%c0%ae%c0%ae/server.py",
        "/web//etc/passwd",
        "/web/app.js%00.html",
        "//api//orders",
        "/api/admin/halt",
        "/API/ORDERS",
        "/metrics",
        "/metrics%20",
        "/schema/../metrics",
        "/schema/%2e%2e/metrics",
        "/health/../metrics",
        "/web/%2e%2e/metrics",
        "/ws",
        f"/ws/{order}",
        "/?" + "x" * 7_000,
        "/%",
        "/%zz",
        "/" + "a/" * 3_000,
    ]
    for path in paths:
        yield enemy.get(path)
    for path in ("/metrics", "/schema/../metrics", f"/api/orders/{order}", "/web/%2e%2e/metrics", "/api/admin/halt"):
        yield enemy.get(path, key=False)
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "LOCK"):
        yield enemy.head(f"{method} /api/orders HTTP/1.1")
    for value in (
        "Basic YTpi",
        "Bearer",
        "Bearer ",
        f"Bearer {enemy.key}x",
        f"Bearer {enemy.key[:-1]}",
        f"Bearer {enemy.key.upper()}",
        f"Bearer {enemy.key} {enemy.key}",
        f"Bearer {enemy.key}, Bearer {enemy.key}",
        "Bearer bf_000000000000_" + "0" * 48,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
        "Bearer " + "x" * 7_000,
        "Bearer \xff\xfe",
    ):
        yield enemy.get("/api/orders", f"authorization: {value}", key=False)
    yield enemy.get("/api/orders", f"authorization: Bearer {enemy.key}")
    for name in (
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-for: " + "1.2.3.4," * 900,
        "x-forwarded-for: \xff, ::1%x, [::1]:80",
        "forwarded: for=127.0.0.1",
        "x-user-id: " + "x" * 100,
        "x-http-method-override: DELETE",
        "x-original-url: /metrics",
        "x-rewrite-url: /metrics",
        "origin: null",
        "origin: http://evil.example",
        "origin: \xff://[",
        "accept: */*;q=" + "9" * 500,
        "accept-encoding: " + "gzip," * 1_000,
        "range: bytes=0-,0-,0-",
        "cookie: " + "a=b;" * 1_500,
        "upgrade: h2c",
        "x-request-id: \x7f<script>".replace("\x7f", ""),
        "traceparent: 00-" + "f" * 32 + "-" + "f" * 16 + "-01",
        "expect: 200-ok",
    ):
        yield enemy.get("/api/orders", name)
        yield enemy.post(execute, b"{}", name)
    for key in ("x" * 7_000, "", " ", "\xe9", "a\tb", "key", "0" * 255, "'; DROP TABLE orders; --"):
        yield enemy.post(execute, b"[]", f"idempotency-key: {key}")
    yield enemy.post(execute, _BODY, "idempotency-key: a", "idempotency-key: b")
    for body in (
        b"{" + b",".join(b'"k%d":0' % n for n in range(1_500)) + b"}",
        b"{" + b",".join([b'"userId":"x"'] * 1_000) + b"}",
        b"{" + b",".join(b'"%s":0' % part for part in _colliding()) + b"}",
        json.dumps({**_ORDER, "userId": "somebody-else"}).encode(),
        json.dumps({**_ORDER, "orderId": order}).encode(),
        b'{"userId": {"$ne": null}}',
        b'{"amountIn": "1' + b"0" * 15_000 + b'"}',
        b'{"amountIn": 1' + b"0" * 15_000 + b"}",
        b'{"slippageTolerance": 1e-999999999}',
        b"[" * 16_000,
        b"\x00" * 1_000,
        b"\xff" * 1_000,
        b" " * 16_384,
        b" " * 16_385,
    ):
        yield enemy.post(execute, body)
        yield enemy.post("/api/quotes", body)
    yield enemy.post(f"/api/orders/{order}/cancel", b"")
    yield enemy.post(f"/api/orders/{order}/cancel", b"{}" * 4_000)
    yield enemy.post("/api/admin/halt", b'{"reason": "x"}')
    yield enemy.post("/api/admin/resume", b"{}")
    for kind in ("text/plain", "application/json; charset=utf-7", "multipart/form-data; boundary=" + "x" * 5_000):
        yield enemy.head(f"POST {execute} HTTP/1.1", f"content-type: {kind}", f"content-length: {len(_BODY)}") + _BODY
    chunked = ("content-type: application/json", "transfer-encoding: chunked")
    yield enemy.head(f"POST {execute} HTTP/1.1", *chunked) + b"".join(b"1\r\n \r\n" for _ in range(500)) + b"0\r\n\r\n"
    yield enemy.head(f"POST {execute} HTTP/1.1", *chunked) + b"2;" + b"x" * 3_000 + b"\r\n{}\r\n0\r\n\r\n"
    yield enemy.head(f"POST {execute} HTTP/1.1", *chunked) + b"2\r\n{}\r\n0\r\nauthorization: Bearer x\r\n\r\n"


def broken(enemy: Enemy) -> Iterator[bytes]:
    """What is no HTTP, or must not be taken for it, or is more than there may be: the connection ends with it."""
    execute = "POST /api/orders/execute HTTP/1.1"
    for line in (
        "GET /",
        "GET / HTTP/0.9",
        "GET / HTTP/2.0",
        "GET / HTTP/9.9",
        "GET / HTTP/1.1 x",
        "get / HTTP/1.1",
        "FOO / HTTP/1.1",
        "PRI * HTTP/2.0",
        "CONNECT evil.example:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /\t HTTP/1.1",
        "GET /\x00 HTTP/1.1",
        "GET /\xe9 HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET http://[::1 HTTP/1.1",
        "GET //[ HTTP/1.1",
        "GET http://a:99999999/ HTTP/1.1",
        "GET evil HTTP/1.1",
        "GET " + "/x" * 5_000 + " HTTP/1.1",
        "\x16\x03\x01\x02\x00\x01\x00",
    ):
        yield enemy.head(line)
    for headers in (
        ("content-length: +5",),
        ("content-length: -1",),
        ("content-length: 0x10",),
        ("content-length: 5, 5",),
        ("content-length: 5", "content-length: 6"),
        ("content-length: " + "9" * 50,),
        ("content-length: 5", "transfer-encoding: chunked"),
        ("transfer-encoding: xchunked",),
        ("transfer-encoding: chunked, identity",),
        ("transfer-encoding: identity", "content-length: 5"),
        ("transfer-encoding: \x0bchunked",),
        ("transfer-encoding : chunked",),
        ("transfer-encoding: chunked", "transfer-encoding: x"),
        (" folded: x",),
        ("x: a\x00b",),
        ("x: a\rb",),
        ("x: a\nb: c",),
        ("no colon",),
        (": no name",),
        ("x\xe9: a",),
        ("a" * 9_000 + ": b",),
        ("a: " + "b" * 9_000,),
        *(tuple(f"h{n}: x" for n in range(count)) for count in (120, 5_000)),
        tuple("a: " + "b" * 7_000 for _ in range(12)),
    ):
        yield enemy.head(execute, *headers)
    for size in (b"ffffffffffffffff", b"-1", b"0x5", b"g", b"\x00"):
        yield enemy.head(execute, "transfer-encoding: chunked") + size + b"\r\nx\r\n0\r\n\r\n"
    yield enemy.head("GET / HTTP/1.1", "host: localhost", "host: evil.example")
    yield enemy.head("HEAD /api/orders HTTP/1.1")
    yield b"GET / HTTP/1.1\r\n\r\n"
    yield b"GET / HTTP/1.1\nhost: localhost\n\n"
    yield b"\r\n" * 10_000
    yield b"\x00" * 10_000
    yield b"\xff" * 100_000


def sockets(enemy: Enemy) -> Iterator[tuple[bytes, bytes]]:
    """Handshakes, good ones among them, each with what is sent after it."""
    good = ("upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13")
    nonce = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
    mask = b"\x00\x00\x00\x00"
    for after in (
        (b"\x81\x81" + mask + b"x") * 2_000,
        (b"\x89\x80" + mask) * 5_000,
        (b"\x8a\x80" + mask) * 5_000,
        b"\x01\x80" + mask + (b"\x00\x80" + mask) * 5_000,
        b"\x81\x05hello",
        b"\xf1\x80" + mask,
        b"\x83\x80" + mask,
        b"\x89\xfe\x00\x7e" + mask + b"x" * 126,
        b"\x09\x80" + mask,
        b"\x00\x80" + mask,
        b"\x88\x81" + mask + b"x",
        b"\x88\x82" + mask + struct.pack("!H", 1005),
        b"\x81\xff" + b"\x7f" + b"\xff" * 7 + mask,
        b"\x81\xff" + b"\xff" * 8 + mask,
        b"\x81\x82" + mask + b"\xff\xfe",
        b"\x82\xfe\x10\x01" + mask + b"x" * 4_097,
        b"",
    ):
        for path in (f"/ws/{enemy.order_id}", "/ws?since=0"):
            yield enemy.get(path, *good, nonce), after
    for path, headers in (
        ("/ws", (*good,)),
        ("/ws", (*good, "sec-websocket-key: x")),
        ("/ws", (*good[:2], nonce, "sec-websocket-version: 99")),
        ("/ws", (*good, nonce, "content-length: 5")),
        ("/ws", (*good, nonce, "transfer-encoding: chunked")),
        ("/ws", (*good, nonce, "origin: http://evil.example")),
        ("/ws", (*good, nonce, "sec-websocket-protocol: bestfill, bearer." + "x" * 5_000)),
        ("/ws", (*good, nonce, "sec-websocket-protocol: \xff, ,,")),
        ("/ws", (*good, nonce, "sec-websocket-extensions: permessage-deflate; server_max_window_bits=99")),
        ("/ws", (*good, nonce, "x: \xe9")),
        ("/ws?userId=somebody", (*good, nonce)),
        ("/ws?since=-1", (*good, nonce)),
        ("/ws?since=" + "9" * 5_000, (*good, nonce)),
        ("/ws/%00", (*good, nonce)),
        ("/ws/../metrics", (*good, nonce)),
        ("/metrics", (*good, nonce)),
        ("/api/orders", (*good, nonce)),
        ("/nowhere", (*good, nonce)),
    ):
        yield enemy.get(path, *headers), b""


def _colliding() -> list[bytes]:
    """Give keys that many simple hashes take for the same."""
    return [b"".join(b"Aa" if number >> bit & 1 else b"BB" for bit in range(9)) for number in range(512)]


async def talk(host: str, port: int, first: bytes, after: bytes | None = None, origin: str | None = None) -> bytes:
    """Send bytes over a connection of their own, others after the first head that comes, and give all that came.

    `origin` is the address to come from, such as another one of this machine's.
    """
    local = None if origin is None else (origin, 0)
    reader, writer = await asyncio.open_connection(host, port, local_addr=local)
    told = b""
    try:
        async with asyncio.timeout(ANSWER_S):
            with suppress(OSError):
                writer.write(first)
                if after is not None:
                    told = await reader.readuntil(b"\r\n\r\n")
                    writer.write(after)
                if not first.endswith(LAST):
                    writer.write_eof()
                while more := await reader.read(2**16):
                    told += more
    except asyncio.IncompleteReadError as error:
        told = error.partial
    finally:
        writer.transport.abort()
    return told
