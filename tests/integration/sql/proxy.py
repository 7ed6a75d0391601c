"""A way to PostgreSQL on which requests and answers can be held up or lost."""

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

WHOLE = (b"S\x00\x00\x00\x04", b"H\x00\x00\x00\x04")
"""What requests end with: Sync, or Flush while a statement is prepared."""


class Proxy:
    """Passes bytes on to a server; whoever comes later finds it in order again.

    `lose_answers`: the next answer on any open connection is dropped, and its client cut off; the server is not told.
    `hold_requests`: requests on open connections are kept until `deliver`, and their clients cut off.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._held: dict[int, tuple[asyncio.StreamWriter, bytes]] = {}
        self._answered: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._deaf: set[int] = set()
        self._slow: set[int] = set()
        self._count = 0
        self.happened = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return self._url._replace(netloc=f"postgres@127.0.0.1:{port}").geturl()

    def lose_answers(self) -> None:
        self._deaf = set(range(self._count))

    def hold_requests(self) -> None:
        self._slow = set(range(self._count))

    async def deliver(self) -> None:
        """Let the server have what was held up; return when it has answered."""
        for number, (writer, data) in self._held.items():
            self._answered[number] = asyncio.Event()
            writer.write(data)
            await writer.drain()
        async with asyncio.timeout(10):
            for answered in self._answered.values():
                await answered.wait()
        self._held.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self._count = self._count, self._count + 1
        up_reader, up_writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        self._writers += [writer, up_writer]
        for pump in (self._requests(number, reader, up_writer, writer), self._answers(number, up_reader, writer)):
            task = asyncio.create_task(pump)
            self._tasks.add(task)

    async def _requests(self, number, reader, up_writer, writer) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if number in self._slow:
                    while not data.endswith(WHOLE) and (more := await reader.read(65_536)):
                        data += more
                    self._held[number] = up_writer, data
                    writer.transport.abort()
                    self.happened.set()
                    return
                up_writer.write(data)
                await up_writer.drain()
            if number not in self._deaf:
                up_writer.close()

    async def _answers(self, number, up_reader, writer) -> None:
        with suppress(ConnectionError):
            while data := await up_reader.read(65_536):
                if number in self._answered:
                    self._answered[number].set()
                    continue
                if number in self._deaf:
                    writer.transport.abort()
                    self.happened.set()
                    continue
                writer.write(data)
                await writer.drain()
            writer.close()
