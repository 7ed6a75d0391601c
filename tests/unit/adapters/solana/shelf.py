"""A market of pools that pay what their accounts say, whatever comes in: to test what stands around markets."""

from collections.abc import Iterable
from typing import Any

from bestfill.quote import QuoteRequest
from bestfill.testing.clock import ManualClock
from bestfill.units import BaseUnits, Mint
from bestfill_adapters.solana.account import CLOCK, SPL_TOKEN, Refused, Snapshot
from bestfill_adapters.solana.directory import Directory
from bestfill_adapters.solana.market import Priced
from bestfill_adapters.solana.venue import SolanaVenue
from tests.unit.adapters.solana.golden import SYSVARS, clock_data
from tests.unit.adapters.solana.nodes import Node, account, address, as_of, rpc
from tests.unit.adapters.solana.toys import Call
from tools.cluster.accounts import mint_account

PROGRAM = address(77)
USD, EUR = Mint(address(1_001)), Mint(address(1_002))
NOW_MS = 1_765_880_000_000


def pool_data(
    pays: int = 0, impact: int = 0, needs: int = 0, first: int = 0, pair: tuple[str, str] = (USD, EUR)
) -> bytes:
    """Give a pool's bytes: what it pays, how many accounts a quote needs besides, from which on, and its mints."""
    mints = b"".join(mint.ljust(48).encode() for mint in pair)
    return b"".join(number.to_bytes(8, "little") for number in (pays, impact, needs, first)) + mints


class Shelf(Call):
    name = "shelf"
    program = PROGRAM

    def mints(self, pool: str, snapshot: Snapshot) -> tuple[Mint, Mint]:
        found = snapshot.get(pool)
        if found.owner != PROGRAM:
            raise Refused("wrong_owner", "it is no shelf")
        return Mint(found.data[32:80].decode().strip()), Mint(found.data[80:128].decode().strip())

    def accounts(self, pool: str, snapshot: Snapshot, *, forward: bool) -> tuple[str, ...]:
        found = snapshot.get(pool)
        first = 10_000 + found.unsigned(24, 8)
        return tuple(map(address, range(first, first + found.unsigned(16, 8))))

    def price(self, pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
        for needed in self.accounts(pool, snapshot, forward=forward):
            assert needed in snapshot.accounts, "it was priced without all that it needs"
        found = snapshot.get(pool)
        return Priced(amount_out=found.unsigned(0, 8), fee=1, fee_bps=1, price_impact_bps=found.unsigned(8, 8))

    def terms(self, pool: str, snapshot: Snapshot, priced: Priced, *, forward: bool) -> tuple[str, ...]:
        return (pool, str(snapshot.slot))


class Stall:
    """A venue of such pools, by number, on a node whose accounts the test sets; its slot is that of each reading."""

    def __init__(self, pools: Iterable[bytes] = (), *, decimals: dict[str, int] | None = None) -> None:
        self.accounts: dict[str, Any] = {CLOCK: account(clock_data(NOW_MS // 1_000), SYSVARS)}
        for mint, places in (decimals or {USD: 6, EUR: 8}).items():
            self.accounts[mint] = account(mint_account(places), SPL_TOKEN)
        self.pools = [address(500 + number) for number, _ in enumerate(pools)]
        for pool, data in zip(self.pools, pools, strict=True):
            self.accounts[pool] = account(data, PROGRAM)
        self.slot = 1_000
        self.clock = ManualClock(NOW_MS)
        self.node = Node(getMultipleAccounts=self._read)
        self.rpc = rpc(self.node, clock=self.clock)
        self.directory = Directory(self.rpc, {EUR: "tEUR"})
        self.directory.enter(Shelf(), self.pools)
        self.venue = SolanaVenue(Shelf(), self.directory, self.rpc, self.clock)

    async def start(self) -> "Stall":
        await self.directory.load()
        self.node.asked.clear()
        return self

    def set(self, pool: int, data: bytes) -> None:
        self.accounts[self.pools[pool]] = account(data, PROGRAM)

    def request(self, sold: Mint = USD, bought: Mint = EUR, **changes: Any) -> QuoteRequest:
        usual = {
            "input_mint": sold,
            "output_mint": bought,
            "amount_in": BaseUnits(1_000),
            "decimals_in": self.directory.decimals(sold),
            "decimals_out": self.directory.decimals(bought),
        }
        return QuoteRequest(**(usual | changes))

    def _read(self, addresses: list[str], _: Any) -> Any:
        self.slot += 1
        return as_of(self.slot, [self.accounts.get(one) for one in addresses])
