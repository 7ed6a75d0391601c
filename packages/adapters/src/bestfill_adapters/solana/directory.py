"""Which pools are traded, and the tokens that they trade: read from the chain once, at the start."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from bestfill.tokens import MAINNET, Token
from bestfill.units import Mint
from bestfill_adapters.settings import SettingsError
from bestfill_adapters.solana.account import SPL_TOKEN, Account, Refused, Snapshot, checked
from bestfill_adapters.solana.market import Market
from bestfill_adapters.solana.pools import pools_error
from bestfill_adapters.solana.rpc import ACCOUNTS_MAX, Rpc

_MINT_BYTES: Final = 82
_MOST_DECIMALS: Final = 38


@frozen
class Side:
    """A pool from one of its sides: `forward` is from side 0 to side 1."""

    pool: str
    forward: bool


class Directory:
    """The pools of the venues in use, by pair. Empty until it is loaded.

    Args:
        rpc: where they are read.
        symbols: of mints that are not well known.
    """

    def __init__(self, rpc: Rpc, symbols: Mapping[str, str]) -> None:
        self._rpc, self._symbols = rpc, symbols
        self._configured: list[tuple[Market, str]] = []
        self._sides: defaultdict[tuple[str, Mint, Mint], list[Side]] = defaultdict(list)
        self._decimals: dict[Mint, int] = {}

    def enter(self, market: Market, pools: Sequence[str]) -> None:
        """Have the pools of a market looked at by `load`."""
        self._configured += [(market, pool) for pool in pools]

    def sides(self, venue: str, input_mint: Mint, output_mint: Mint) -> Sequence[Side]:
        """Give a venue's pools that swap this for that, in the configured order."""
        return self._sides.get((venue, input_mint, output_mint), ())

    def decimals(self, mint: Mint) -> int | None:
        """Give the decimals of a mint that some pool trades."""
        return self._decimals.get(mint)

    def tokens(self) -> Iterator[Token]:
        """Give the tokens that the pools trade; one without a symbol is called by its mint."""
        for mint, decimals in self._decimals.items():
            known = MAINNET.get(mint)
            yield Token(self._symbols.get(mint) or (known.symbol if known else mint), mint, decimals)

    async def load(self) -> None:
        """Read the pools and their mints.

        Raises:
            SettingsError: one of them is not what the pools file says, or not understood; the message names it.
            NetworkUnavailable: the chain cannot be asked.
        """
        pools = await self._read([pool for _, pool in self._configured])
        pairs = [(market, pool, _pair(market, pool, pools)) for market, pool in self._configured]
        mints = await self._read(list(dict.fromkeys(mint for _, _, pair in pairs for mint in pair)))
        for market, pool, pair in pairs:
            for mint in pair:
                self._decimals[mint] = _decimals(pool, mint, mints)
            self._sides[market.name, pair[0], pair[1]].append(Side(pool, forward=True))
            self._sides[market.name, pair[1], pair[0]].append(Side(pool, forward=False))

    async def _read(self, addresses: Sequence[str]) -> Snapshot:
        slot, accounts = 0, dict[str, Account | None]()
        for begin in range(0, len(addresses), ACCOUNTS_MAX):
            read = await self._rpc.accounts(addresses[begin : begin + ACCOUNTS_MAX], slot)
            slot = read.slot
            accounts |= read.accounts
        return Snapshot(slot=slot, now=0, accounts=accounts)


def _pair(market: Market, pool: str, pools: Snapshot) -> tuple[Mint, Mint]:
    try:
        pair = market.mints(pool, pools)
    except Refused as error:
        raise _wrong(pool, f"cannot be traded at {market.name}: {error.reason}") from error
    if pair[0] == pair[1]:
        raise _wrong(pool, "trades a token for itself")
    return pair


def _decimals(pool: str, mint: Mint, mints: Snapshot) -> int:
    try:
        account = checked(mints.get(mint), SPL_TOKEN, _MINT_BYTES)
        decimals, made = account.unsigned(44, 1), account.unsigned(45, 1) == 1
    except Refused as error:
        raise _wrong(pool, f"trades {mint}, which is not a mint of the SPL Token program: {error.reason}") from error
    if not made or len(account.data) != _MINT_BYTES or decimals > _MOST_DECIMALS:
        raise _wrong(pool, f"trades {mint}, which is not a mint that can be traded")
    known = MAINNET.get(mint)
    if known is not None and known.decimals != decimals:
        raise _wrong(pool, f"trades {mint}, known as {known.symbol}, but with other decimals than it has")
    return decimals


def _wrong(pool: str, problem: str) -> SettingsError:
    return pools_error(f"the pool {pool} {problem}; mend its entry, or leave it out")
