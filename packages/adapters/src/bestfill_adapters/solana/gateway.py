"""All that the venues and the network of a process share: the way to the chain, and the pools that are configured."""

from collections.abc import Sequence
from typing import Final

import httpx

from bestfill.errors import NetworkUnavailable
from bestfill.ports import Clock
from bestfill.tokens import Token, TokenList
from bestfill_adapters.settings import SolanaSettings
from bestfill_adapters.settings.solana import RPC
from bestfill_adapters.solana.account import Refused
from bestfill_adapters.solana.directory import Directory
from bestfill_adapters.solana.fees import FeePolicy
from bestfill_adapters.solana.market import Market
from bestfill_adapters.solana.markets.meteora_damm_v2 import MeteoraDammV2
from bestfill_adapters.solana.markets.meteora_dlmm import MeteoraDlmm
from bestfill_adapters.solana.markets.raydium_clmm import RaydiumClmm
from bestfill_adapters.solana.markets.raydium_cpmm import RaydiumCpmm
from bestfill_adapters.solana.network import SolanaNetwork
from bestfill_adapters.solana.pools import PoolEntry, pools_error, read_pools
from bestfill_adapters.solana.rpc import Rpc
from bestfill_adapters.solana.signer import Signer
from bestfill_adapters.solana.venue import SolanaVenue

BUILT_IN: Final = (RaydiumCpmm, RaydiumClmm, MeteoraDlmm, MeteoraDammV2)


class Gateway:
    """Makes venues and the network over one client. Venues are made first, then it is started.

    Raises:
        SettingsError: the pools file can't be used.
    """

    def __init__(
        self, settings: SolanaSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings, self._clock = settings, clock
        self._pools = read_pools(settings.pools)
        self.rpc = Rpc(settings.rpc, clock, per_s=settings.rpc_per_s, transport=transport)
        self._directory = Directory(self.rpc, self._pools.symbols)
        # An order may be under way at a venue that is not asked any more.
        self._markets: dict[str, Market] = {market.name: market for market in (kind() for kind in BUILT_IN)}

    def pools(self, venue: str) -> tuple[PoolEntry, ...]:
        """Give the entries of the pools file for a venue.

        Raises:
            SettingsError: there are none.
        """
        entries = tuple(entry for entry in self._pools.pools if entry.venue == venue)
        if not entries:
            raise pools_error(f"has no pool of {venue}: add one, or take {venue} out of BESTFILL_VENUES")
        return entries

    def venue(self, market: Market) -> SolanaVenue:
        """Make the venue of a market's pools; a plugin's factory calls this.

        Raises:
            SettingsError: the pools file has none of them.
        """
        self._directory.enter(market, _addresses(market, self.pools(market.name)))
        self._markets[market.name] = market
        return SolanaVenue(market, self._directory, self.rpc, self._clock)

    def network(self, signer: Signer | None) -> SolanaNetwork:
        """Make the network of this wallet."""
        fees = FeePolicy(percentile=self._settings.fee_percentile, max_priority_fee=self._settings.max_priority_fee)
        return SolanaNetwork(self.rpc, signer, self._markets, fees, dry_run=self._settings.dry_run)

    async def start(self, tokens: TokenList) -> None:
        """Read the pools, and add the tokens that they trade.

        Raises:
            SettingsError: a pool is not what the file says.
            NetworkUnavailable: the chain cannot be asked.
        """
        try:
            await self._directory.load()
        except NetworkUnavailable as error:
            raise NetworkUnavailable(f"{RPC}: no endpoint answered as it should: {error.reason}") from error
        for token in self._directory.tokens():
            if tokens.get(token.mint) is None:
                _add(tokens, token)

    async def close(self) -> None:
        """Let go of all connections."""
        await self.rpc.close()


def _addresses(market: Market, entries: Sequence[PoolEntry]) -> list[str]:
    places: dict[str, None] = {}
    for entry in entries:
        address = entry.address
        if not address:
            try:
                address = market.pool_of((entry.mints[0], entry.mints[1]), entry.config)
            except Refused as error:
                pair = " and ".join(entry.mints)
                raise pools_error(f"the pool of {pair}: {error.reason}") from error
        if address in places:
            raise pools_error(f"the pool {address} is there twice; take one out")
        places[address] = None
    return list(places)


def _add(tokens: TokenList, token: Token) -> None:
    try:
        tokens.add(token)
    except ValueError as error:
        problem = f"{token.mint} can't be called {token.symbol}, which is another token: give it another symbol"
        raise pools_error(problem) from error
