"""The recorded pools as a node tells of them, so that whole venues are asked and not their formulas alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bestfill.ports import Venue
from bestfill.quote import QuoteRequest
from bestfill.testing.clock import ManualClock
from bestfill.units import BaseUnits
from bestfill_adapters.solana.account import CLOCK, Account, Snapshot
from bestfill_adapters.solana.directory import Directory
from bestfill_adapters.solana.market import Market
from bestfill_adapters.solana.markets.meteora_damm_v2 import MeteoraDammV2
from bestfill_adapters.solana.markets.meteora_dlmm import MeteoraDlmm
from bestfill_adapters.solana.markets.raydium_clmm import RaydiumClmm
from bestfill_adapters.solana.markets.raydium_cpmm import RaydiumCpmm
from bestfill_adapters.solana.venue import SolanaVenue
from tests.unit.adapters.solana.nodes import Node, account, as_of, rpc
from tests.unit.adapters.solana.recorded import recording

MARKETS: Final[Mapping[str, type[Market]]] = {
    "raydium_cpmm": RaydiumCpmm,
    "raydium_clmm": RaydiumClmm,
    "meteora_dlmm": MeteoraDlmm,
    "meteora_damm_v2": MeteoraDammV2,
}
SYSVARS: Final = "Sysvar1111111111111111111111111111111111111"
SLOT: Final = 300_000_000


def clock_data(now: int) -> bytes:
    return bytes(32) + now.to_bytes(8, "little", signed=True)


class Golden:
    """A node that has a venue's recorded accounts, as of a time, and the venue over some of its pools, by name."""

    def __init__(self, market: str, *pools: str) -> None:
        found = recording(market)
        self.addresses = [str(found.pools[name]["pool"]) for name in pools]
        self.now = found.pools[pools[0]]["now"]
        assert isinstance(self.now, int)
        self.slot = SLOT
        self.accounts: dict[str, Account | None] = dict(found.accounts)
        self.reads: list[list[str]] = []
        self.clock = ManualClock(1_000 * self.now)
        self.node = Node(getMultipleAccounts=self._read)
        self.rpc = rpc(self.node, clock=self.clock)
        self.market = MARKETS[market]()
        self.directory = Directory(self.rpc, {})
        self.directory.enter(self.market, self.addresses)
        self.venue: Venue = SolanaVenue(self.market, self.directory, self.rpc, self.clock)

    async def start(self) -> "Golden":
        await self.directory.load()
        return self

    def request(self, amount_in: int, *, forward: bool = True) -> QuoteRequest:
        """Ask for a swap in the first pool's pair."""
        snapshot = Snapshot(slot=self.slot, now=self.now, accounts=self.accounts)
        pair = self.market.mints(self.addresses[0], snapshot)
        sold, bought = pair if forward else pair[::-1]
        decimals = [self.directory.decimals(mint) for mint in (sold, bought)]
        assert decimals[0] is not None and decimals[1] is not None
        return QuoteRequest(
            input_mint=sold,
            output_mint=bought,
            amount_in=BaseUnits(amount_in),
            decimals_in=decimals[0],
            decimals_out=decimals[1],
        )

    def at(self, now: int) -> None:
        """Set the chain's time, and this machine's."""
        self.now = now
        self.clock.advance(1_000 * now - self.clock.now())

    def _read(self, addresses: Sequence[str], _: Any) -> Any:
        self.reads.append(list(addresses))
        return as_of(self.slot, [self._told(address) for address in addresses])

    def _told(self, address: str) -> Any:
        if address == CLOCK and CLOCK not in self.accounts:
            return account(clock_data(self.now), SYSVARS)
        found = self.accounts.get(address)
        return None if found is None else account(found.data, found.owner, found.lamports)
