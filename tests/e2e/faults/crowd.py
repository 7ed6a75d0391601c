"""The chaos run's clients, as these tests use them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from attrs import define

from tests.deployed import until
from tools.chaos import crowd as chaos


@define(eq=False)
class Crowd(chaos.Crowd):
    async def place_all(self, numbers: Iterable[int]) -> None:
        """Place many at once, every other one with a key; all are accepted."""
        answers = await asyncio.gather(*(self.place(n, keyed=n % 2 == 1) for n in numbers))
        assert {answer.status for answer in answers} == {202}, {(a.status, a.code) for a in answers}

    async def shown_the_end(self, within_s: float) -> None:
        """Wait until the socket of each order that was placed by now has been shown the end."""
        done, left = await asyncio.wait([*self.reading], timeout=within_s)
        assert not left, f"{len(left)} orders have not ended on their socket, {len(done)} have"

    async def shown_all(self, within_s: float) -> None:
        """Wait until each order's socket has been shown the end, and the users' sockets as much."""
        await self.shown_the_end(within_s)
        count = sum(len(reader.told) for reader in self.orders.values())

        async def as_much() -> bool:
            return sum(len(reader.told) for reader in self.users.values()) >= count

        await until(as_much, within_s)


@asynccontextmanager
async def crowd(url: str) -> AsyncIterator[Crowd]:
    async with chaos.crowd(url, Crowd) as clients:
        yield clients
