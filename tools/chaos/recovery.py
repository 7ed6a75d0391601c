"""How long orders stand still after a fault.

The recovery of a fault is the time from the moment at which it killed, stopped or cut off something to the moment at
which every order that had not ended by then has made its next move: its row has another version, so it took its next
step, or somebody has taken it over, kept its lease, or ended it. How long what was stopped stays away is part of it.
"""

import asyncio
import time
from contextlib import suppress
from typing import Final

import asyncpg
from attrs import define, field

LOOK_S: Final = 0.1
"""Recovery times are exact to this."""
ANSWER_S: Final = 5
_UNFINISHED: Final = "SELECT id::text, version FROM orders WHERE status NOT IN ('confirmed', 'failed')"


@define(eq=False)
class Wound:
    """A fault, and the orders that have not moved since, by their version of then."""

    what: str
    at: float
    still: dict[str, int]
    hurt: int
    last: str = ""


@define(eq=False)
class Watch:
    """Looks at the orders that have not ended, over the direct way to the database, which may be away."""

    url: str
    healed: list[tuple[float, Wound]] = field(factory=list)
    """How many seconds each fault took that no order stands still after any more."""
    orders_s: list[float] = field(factory=list)
    """The same for each order of each fault."""
    open: list[Wound] = field(factory=list)
    in_flight: dict[str, int] = field(factory=dict)
    """The orders that have not ended, and their versions, as they were when last looked at."""
    _connection: asyncpg.Connection | None = None
    _turn: asyncio.Lock = field(factory=asyncio.Lock)

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(LOOK_S)
        finally:
            self.close()

    async def wound(self, what: str) -> None:
        """Begin to wait for all orders that are in flight now."""
        at = time.monotonic()
        await self.look()
        if self.in_flight:
            self.open.append(Wound(what, at, dict(self.in_flight), len(self.in_flight)))

    async def look(self) -> None:
        """Look once: who has moved, and whether any order still stands still."""
        async with self._turn:
            try:
                connection = self._connection
                if connection is None or connection.is_closed():
                    connection = self._connection = await asyncpg.connect(self.url, timeout=ANSWER_S)
                rows = await connection.fetch(_UNFINISHED, timeout=ANSWER_S)
            except Exception:  # noqa: BLE001 - whatever it is: the database is away, and looked at again soon
                self.close()
                return
            self.in_flight = {row[0]: row[1] for row in rows}
            now = time.monotonic()
            for wound in self.open:
                moved = [i for i, version in wound.still.items() if self.in_flight.get(i) != version]
                for order_id in moved:
                    del wound.still[order_id]
                    wound.last = order_id
                    self.orders_s.append(now - wound.at)
                if not wound.still:
                    self.healed.append((now - wound.at, wound))
            self.open = [wound for wound in self.open if wound.still]

    def close(self) -> None:
        """Cut the connection; to look again makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.terminate()
