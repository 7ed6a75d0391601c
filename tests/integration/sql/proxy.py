"""A way to PostgreSQL on which requests and answers can be held up or lost."""

import asyncio
from contextlib import suppress

from tools.chaos import proxy

WHOLE = (b"S\x00\x00\x00\x04", b"H\x00\x00\x00\x04", b"X\x00\x00\x00\x04")
"""What requests end with: Sync, Flush while a statement is prepared, or Terminate."""


class Proxy(proxy.Proxy):
    """Also: `hold_requests`: requests on open connections are kept until `deliver`, and their clients cut off."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._held: dict[int, tuple[asyncio.StreamWriter, bytes]] = {}
        self._answered: dict[int, asyncio.Event] = {}
        self._slow: set[int] = set()

    def hold_requests(self) -> None:
        self._slow = {link.number for link in self._links}

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

    async def _requests(self, link: proxy.Link, reader: asyncio.StreamReader) -> None:
        with suppress(*proxy.BROKEN):
            while data := await reader.read(proxy.CHUNK_BYTES):
                if link.number in self._slow:
                    while not data.endswith(WHOLE) and (more := await reader.read(proxy.CHUNK_BYTES)):
                        data += more
                    self._held[link.number] = link.server, data
                    link.client.transport.abort()
                    self.happened.set()
                    return
                link.server.write(data)
                await link.server.drain()
            link.server.close()

    def _lost(self, link: proxy.Link) -> bool:
        if link.number in self._answered:
            self._answered[link.number].set()
            return True
        return super()._lost(link)
