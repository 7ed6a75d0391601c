"""A server that says what a test tells it, on a real socket, in a thread of its own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from attrs import define, field
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request
from websockets.server import ServerProtocol


class Turn(Protocol):
    """What to do with one connection."""

    def __call__(self, connection: socket.socket, asked: "Asked") -> None: ...


@define
class Asked:
    """What one connection asked first."""

    head: str
    body: bytes
    raw: bytes

    @property
    def line(self) -> str:
        return self.head.partition("\r\n")[0]

    def header(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return None


@define
class Stub:
    """Each connection takes the next of `turns`, the last of which stays."""

    turns: list[Turn]
    listening: socket.socket = field(init=False)
    asked: list[Asked] = field(factory=list[Asked], init=False)
    called: threading.Event = field(factory=threading.Event, init=False)
    _open: list[socket.socket] = field(factory=list[socket.socket], init=False)

    @property
    def url(self) -> str:
        host, port = self.listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self._open.append(connection)
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(20)
            if (asked := read(connection)) is not None:
                turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
                self.asked.append(asked)
                self.called.set()
                turn(connection, asked)

    def stop(self) -> None:
        for connection in (self.listening, *self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextmanager
def stub(*turns: Turn, host: str = "127.0.0.1") -> Iterator[Stub]:
    served = Stub(list(turns))
    served.listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    thread = threading.Thread(target=served.serve, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.stop()
        thread.join(20)


def read(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65_536)):
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    asked = Asked(head.decode(), body, data)
    length = int(asked.header("content-length") or 0)
    while len(asked.body) < length:
        asked.body += connection.recv(65_536)
    return asked


def says(status: int, body: bytes, kind: str = "application/json", *more: str) -> Turn:
    """Answer, and close."""

    def turn(connection: socket.socket, _: Asked) -> None:
        head = [
            f"HTTP/1.1 {status} Whatever",
            f"content-type: {kind}",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        connection.sendall("\r\n".join([*head, *more, "", ""]).encode() + body)

    return turn


def sends(data: bytes) -> Turn:
    """Send bytes, and close."""

    def turn(connection: socket.socket, _: Asked) -> None:
        connection.sendall(data)

    return turn


def drops(connection: socket.socket, _: Asked) -> None:
    """Hang up without an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def keeps_silent(connection: socket.socket, _: Asked) -> None:
    """Read until the client has gone."""
    while connection.recv(65_536):
        pass


def drips(connection: socket.socket, _: Asked) -> None:
    """Answer byte by byte, without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    stopped = threading.Event()
    while not stopped.wait(0.01):
        connection.sendall(b"1\r\n \r\n")


def floods(connection: socket.socket, _: Asked) -> None:
    """Answer with more and more, without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"%x\r\n%s\r\n" % (1_000_000, b" " * 1_000_000))


def streams(*messages: str | bytes, code: int | None = 1000, reason: str = "") -> Turn:
    """Accept a WebSocket, send messages, and close with a code, or without: None drops the connection."""

    def turn(connection: socket.socket, asked: Asked) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(asked.raw)
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        for message in messages:
            if isinstance(message, str):
                protocol.send_text(message.encode())
            else:
                protocol.send_binary(message)
        if code is not None:
            protocol.send_close(CloseCode(code) if code in list(CloseCode) else code, reason)
        connection.sendall(b"".join(protocol.data_to_send()))
        if code is None:
            drops(connection, asked)
            return
        with suppress(ConnectionClosed):
            while protocol.close_rcvd is None and (data := connection.recv(65_536)):
                protocol.receive_data(data)
                protocol.events_received()
            connection.shutdown(socket.SHUT_RDWR)

    return turn
