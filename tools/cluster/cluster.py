"""A whole cluster: a chain, its nodes, a funded wallet, mints, and two venues of pools made of token transfers."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from solders.keypair import Keypair

from bestfill.units import Mint
from bestfill_adapters.solana.account import SPL_TOKEN
from bestfill_adapters.solana.derive import token_account
from tools.cluster.accounts import mint_account, token_account_data
from tools.cluster.chain import Chain
from tools.cluster.faucet import Faucet
from tools.cluster.node import Node
from tools.cluster.rpc import JsonRpc
from tools.cluster.rules import Rules

NATIVE_MINT: Final = Mint("So11111111111111111111111111111111111111112")
SYSTEM: Final = "11111111111111111111111111111111"
SOL: Final = 10**9

VENUES: Final = ("transfer_pool_a", "transfer_pool_b")
DECIMALS: Final = {"SOL": 9, "tUSD": 6, "tBTC": 8}
WALLET: Final = {"SOL": 1_000 * SOL, "tUSD": 1_000_000 * 10**6, "tBTC": 20 * 10**8}
"""What the wallet begins with, in base units."""
_FEES: Final = {"transfer_pool_a": 30, "transfer_pool_b": 20}
_RESERVES: Final[Mapping[str, tuple[tuple[str, int, str, int], ...]]] = {
    "transfer_pool_a": (
        ("SOL", 20_000 * SOL, "tUSD", 3_000_000 * 10**6),
        ("tBTC", 100 * 10**8, "tUSD", 6_000_000 * 10**6),
    ),
    "transfer_pool_b": (
        ("SOL", 5_000 * SOL, "tUSD", 748_000 * 10**6),
        ("tBTC", 30 * 10**8, "tUSD", 1_803_000 * 10**6),
    ),
}
"""What each pool begins with: the mints of sides 0 and 1 by symbol, and base units."""


@frozen
class Pool:
    """A pool: the keypair of the vaults' owner, whose address is the pool's."""

    venue: str
    keypair: Keypair
    mints: tuple[Mint, Mint]
    fee_bps: int

    @property
    def address(self) -> str:
        """The pool's address."""
        return str(self.keypair.pubkey())


class Cluster:
    """All of it, in memory: another one is another chain. Its keys follow from the seed, so they are worth nothing.

    Args:
        now_ms: the time, which is its caller's.
        seed: what chance draws from; the same seed and the same calls give the same answers.
        rules: how the chain and its nodes behave.
        wallet: whose SOL and tokens there are; by default one that follows from the seed.
    """

    def __init__(
        self,
        now_ms: Callable[[], int],
        seed: object = 0,
        rules: Rules | None = None,
        wallet: Keypair | None = None,
    ) -> None:
        self.chain: Final = Chain(now_ms, seed, rules)
        self.wallet: Final = wallet or self.wallet_of(seed)
        mints = {symbol: Mint(str(_key(seed, symbol).pubkey())) for symbol in DECIMALS}
        self.mints: Final = mints | {"SOL": NATIVE_MINT}
        """By symbol."""
        self.faucet: Final = Faucet(_key(seed, "faucet"))
        self.pools: Final = tuple(self._pool(seed, venue, *pair) for venue in VENUES for pair in _RESERVES[venue])
        self._found()
        nodes = [Node(self.chain, number) for number in range(self.chain.rules.nodes)]
        self.nodes: Final = tuple(nodes)
        self.rpcs: Final = tuple(JsonRpc(node, self.faucet) for node in nodes)

    @staticmethod
    def wallet_of(seed: object) -> Keypair:
        """Give the wallet that follows from a seed."""
        return _key(seed, "wallet")

    def give(self, owner: str, symbol: str, amount: int) -> None:
        """Have an address hold this much of a token, in base units, in its associated account; for SOL: wrapped."""
        mint = self.mints[symbol]
        data = token_account_data(mint, owner, amount, native=mint == NATIVE_MINT)
        rent = self.chain.ledger.svm.minimum_balance_for_rent_exemption(len(data))
        native = amount if mint == NATIVE_MINT else 0
        self.chain.put(token_account(owner, mint), SPL_TOKEN, data, rent + native)

    def pools_file(self, folder: Path) -> Path:
        """Write the pools file, and the keypairs that it names, into a folder; give its path."""
        entries: list[dict[str, Any]] = []
        for number, pool in enumerate(self.pools):
            path = folder / f"pool-{number + 1}.json"
            write_keypair(path, pool.keypair)
            options = {"keypair": str(path.absolute()), "mints": list(pool.mints), "fee_bps": pool.fee_bps}
            entries.append({"venue": pool.venue, "address": pool.address, "options": options})
        file = folder / "pools.json"
        symbols = {mint: symbol for symbol, mint in self.mints.items() if mint != NATIVE_MINT}
        file.write_text(json.dumps({"pools": entries, "symbols": symbols}, indent=2) + "\n")
        return file

    def _pool(self, seed: object, venue: str, one: str, amount: int, other: str, other_amount: int) -> Pool:
        keypair = _key(seed, f"{venue} {one} {other}")
        address = str(keypair.pubkey())
        self.give(address, one, amount)
        self.give(address, other, other_amount)
        self.chain.put(address, SYSTEM, b"", SOL)
        return Pool(venue, keypair, (self.mints[one], self.mints[other]), _FEES[venue])

    def _found(self) -> None:
        authority = self.faucet.keypair.pubkey()
        for symbol, mint in self.mints.items():
            made = None if mint == NATIVE_MINT else bytes(authority)
            self.chain.put(mint, SPL_TOKEN, mint_account(DECIMALS[symbol], made))
        own = str(self.wallet.pubkey())
        for symbol in ("tUSD", "tBTC"):
            self.give(own, symbol, WALLET[symbol])
        self.chain.put(own, SYSTEM, b"", WALLET["SOL"])
        self.chain.put(str(authority), SYSTEM, b"", 10**9 * SOL)


def write_keypair(path: Path, keypair: Keypair) -> None:
    """Write a keypair file that its owner alone may read."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(keypair.to_json())


def _key(seed: object, name: str) -> Keypair:
    return Keypair.from_seed(hashlib.sha256(f"bestfill cluster {seed} {name}".encode()).digest())
