"""The mock chain's memory in the deployed mode: tables beside the orders', on connections of its own.

Every process of a deployment sees one chain. A process may stall at any moment, also between drawing a landing and
recording it, while another proves the signature dead; so they must agree on an order. Whoever looks as of a slot first
writes it into `mock_tip`, and whoever records holds that row until the landing is committed: so each landing is either
found by all who look as of a slot after its last valid one, or refused. No clock is trusted for it. But slots are told
by the clock: one process whose clock runs N minutes ahead stops all landings for N minutes.
"""

from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from bestfill.errors import StoreError
from bestfill.units import Signature
from bestfill_adapters.mock.ledger import Landing, Ledger, Tip, to_landing, to_row
from bestfill_adapters.sql.postgres.address import Address
from bestfill_adapters.sql.postgres.columns import Columns, Kind, parameters
from bestfill_adapters.sql.postgres.lane import Done, Lane, Verdict, Work
from bestfill_adapters.sql.postgres.session import Refused, Session
from bestfill_adapters.sql.rows import Row
from bestfill_adapters.sql.tables import mock_landings

_LANDINGS: Final = Columns({**{c.name: Kind.of(c) for c in mock_landings.c}, "last_slot": Kind.BIGINT})
_names: Final = ", ".join(c.name for c in mock_landings.c)
_BEGIN: Final = "INSERT INTO mock_tip (id, slot) VALUES (1, 0) ON CONFLICT DO NOTHING"
_MOVE: Final = "UPDATE mock_tip SET slot = $1 WHERE id = 1 AND slot < $1"
_RECORD: Final = f"""
WITH tip AS (SELECT slot FROM mock_tip WHERE id = 1 FOR SHARE)
INSERT INTO mock_landings ({_names})
SELECT signature, order_id, outcome, amount_in, amount_out, given.slot, landed_at
FROM ({_LANDINGS.select}) AS given, tip WHERE given.last_slot >= tip.slot ORDER BY signature
ON CONFLICT (signature) DO NOTHING"""  # noqa: S608 - nothing but names of columns
_FIND: Final = (
    "SELECT signature, order_id::text, outcome, amount_in::text, amount_out::text, slot, landed_at"
    " FROM mock_landings WHERE signature = ANY($1::text[])"
)


class PostgresLedger(Ledger):
    """Landings in a migrated database. The store knows nothing of it: a chain is another system.

    Args:
        url: such as postgresql://user:password@host:5432/name.
    """

    def __init__(self, url: str) -> None:
        address = Address(url)
        self._mover = Session(address)
        self._recording = Lane(_Recording(), Session(address), "landings-recorded")
        self._finding = Lane(_Finding(), Session(address), "landings-found")
        self._tip = Tip(self._move)

    async def start(self) -> None:
        """Begin to work.

        Raises:
            StoreError: the database can't be reached, or is not migrated.
        """
        try:
            await self._mover.fetch_again(_BEGIN)  # without its row nothing would ever land
        except BaseException:
            await self._mover.close()
            raise
        self._recording.start()
        self._finding.start()

    async def close(self) -> None:
        """Finish what waits, and let the connections go."""
        await self._recording.close()
        await self._finding.close()
        await self._mover.close()

    async def record(self, landing: Landing, last_slot: int) -> None:
        """Keep a landing, if there is none and it is not too late."""
        await self._recording.do(_Ahead(landing, last_slot))

    async def find(self, signature: Signature, slot: int = 0) -> Landing | None:
        """Give a signature's landing."""
        await self._tip.reach(slot)
        return await self._finding.do((signature, object()))

    async def _move(self, slot: int) -> None:
        await self._mover.fetch_again(_MOVE, slot)


class _Ahead(NamedTuple):
    landing: Landing
    last_slot: int


class _Recording(Work[_Ahead]):
    def key(self, member: _Ahead) -> Hashable:
        return member.landing.signature

    async def write(self, session: Session, members: Sequence[_Ahead]) -> list[Verdict]:
        await session.fetch(_RECORD, *parameters(_LANDINGS, map(_row, members)))
        return [Done(None)] * len(members)

    async def judge(self, session: Session, members: Sequence[_Ahead], *, in_doubt: bool) -> list[Verdict]:
        return [None] * len(members)  # to record it again is harmless

    def refusal(self, refused: Refused) -> StoreError:
        return refused


class _Finding(Work[tuple[Signature, object]]):
    def key(self, member: tuple[Signature, object]) -> Hashable:
        return member[1]

    async def write(self, session: Session, members: Sequence[tuple[Signature, object]]) -> list[Verdict]:
        wanted = list({signature for signature, _ in members})
        found = {row[0]: to_landing(row) for row in await session.fetch_again(_FIND, wanted)}
        return [Done(found.get(signature)) for signature, _ in members]

    async def judge(
        self, session: Session, members: Sequence[tuple[Signature, object]], *, in_doubt: bool
    ) -> list[Verdict]:
        return [None] * len(members)  # to ask again is harmless

    def refusal(self, refused: Refused) -> StoreError:
        return refused


def _row(ahead: _Ahead) -> Row:
    return (*to_row(ahead.landing), ahead.last_slot)
