"""A way to a server on which bytes can be held up, lost or cut off."""

import asyncio
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit

from attrs import define

CHUNK_BYTES: Final = 65_536
BROKEN: Final = (ConnectionError, RuntimeError)
"""What a write to a connection that is gone raises: the second is uvloop's."""
LINGER_S: Final = 1.0
"""How long a server is left in the belief that a client is there which was cut off."""


@define(eq=False)
class Link:
    """One client's connection, and the one to the server that stands for it. `deaf`: its next answer gets lost."""

    number: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    deaf: bool = False


class Proxy:
    """Passes bytes on to the server of a URL, for `async with`; `url` is the same by way of this proxy.

    Faults meet the connections that are open then, unless they say otherwise; who comes later finds all in order.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._passable = asyncio.Event()
        self._passable.set()
        self._delay_s = 0.0
        self.happened = asyncio.Event()
        """An answer was lost."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where clients find the server by way of this proxy."""
        port = self._server.sockets[0].getsockname()[1]
        user, at, _ = self._url.netloc.rpartition("@")
        return self._url._replace(netloc=f"{user}{at}127.0.0.1:{port}").geturl()

    def lose_answers(self) -> None:
        """Drop the next answer on each connection, and cut its client off; the server is not told."""
        for link in self._links:
            link.deaf = True

    def cut(self) -> None:
        """Break all connections, on both sides."""
        for link in self._links:
            link.client.transport.abort()
            link.server.transport.abort()

    def slow(self, delay_s: float) -> None:
        """Pass on all bytes so much later, also those of new connections; 0: at once."""
        self._delay_s = delay_s

    def block(self) -> None:
        """Pass on nothing, also for new connections, until `unblock`: what is sent then arrives late."""
        self._passable.clear()

    def unblock(self) -> None:
        """Pass on what was held up, and everything from now on."""
        self._passable.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passable.wait()
        try:
            up_reader, up_writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self._count, writer, up_writer)
        self._count += 1
        self._links.add(link)
        task = asyncio.create_task(self._pass_on(link, reader, up_reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, link: Link, reader: asyncio.StreamReader, up_reader: asyncio.StreamReader) -> None:
        try:
            await asyncio.gather(self._requests(link, reader), self._answers(link, up_reader))
        finally:
            self._links.discard(link)
            link.client.transport.abort()
            link.server.transport.abort()

    async def _requests(self, link: Link, reader: asyncio.StreamReader) -> None:
        with suppress(*BROKEN):
            while data := await reader.read(CHUNK_BYTES):
                await self._ready()
                link.server.write(data)
                await link.server.drain()
            if link.deaf:
                await asyncio.sleep(LINGER_S)
            link.server.close()

    async def _answers(self, link: Link, reader: asyncio.StreamReader) -> None:
        with suppress(*BROKEN):
            while data := await reader.read(CHUNK_BYTES):
                await self._ready()
                if not self._lost(link):
                    link.client.write(data)
                    await link.client.drain()
            link.client.close()

    def _lost(self, link: Link) -> bool:
        """Say whether an answer gets lost, and see to it."""
        if link.deaf:
            link.client.transport.abort()
            self.happened.set()
        return link.deaf

    async def _ready(self) -> None:
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        await self._passable.wait()
