"""Meteora DAMM v2: its pools, and its instruction `swap`."""

from collections.abc import Sequence
from typing import Final

from bestfill.units import Mint
from bestfill_adapters.solana.account import SPL_TOKEN, Refused, Snapshot
from bestfill_adapters.solana.derive import program_address, seed
from bestfill_adapters.solana.market import Instruction, Market, Meta, Priced, SwapCall, Trader
from bestfill_adapters.solana.markets import exact_in
from bestfill_adapters.solana.quoting.meteora_damm_v2 import AUTHORITY, PROGRAM, quote, read_pool

_SWAP: Final = bytes.fromhex("f8c69e91e17587c8")
_TERMS: Final = 5
_ACCOUNTS: Final = 14
_EVENT_AUTHORITY: Final = program_address(PROGRAM, b"__event_authority")


class MeteoraDammV2(Market):
    """Pools of Meteora's DAMM v2. Terms: pool, vaults, mints."""

    @property
    def name(self) -> str:
        """The venue's name."""
        return "meteora_damm_v2"

    def pool_of(self, mints: tuple[str, str], config: str) -> str:
        """Give the address of the pool of two mints, and of a config, unless it was made without one."""
        smaller, larger = sorted(map(seed, mints))
        kind = (b"pool", seed(config)) if config else (b"cpool",)
        return program_address(PROGRAM, *kind, larger, smaller)

    def mints(self, pool: str, snapshot: Snapshot) -> tuple[Mint, Mint]:
        """Give the mints of tokens A and B."""
        mint_a, mint_b = read_pool(snapshot.get(pool)).mints
        return Mint(mint_a), Mint(mint_b)

    def accounts(self, pool: str, snapshot: Snapshot, *, forward: bool) -> tuple[str, ...]:
        """Give the vaults' addresses."""
        return read_pool(snapshot.get(pool)).vaults

    def price(self, pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
        """Say what a swap would give."""
        return quote(pool, snapshot, amount_in, forward=forward)

    def terms(self, pool: str, snapshot: Snapshot, priced: Priced, *, forward: bool) -> tuple[str, ...]:
        """Give the pool's accounts by side."""
        state = read_pool(snapshot.get(pool))
        if not _are_the_pools(pool, state.vaults, state.mints):
            raise Refused("wrong_vault", "the pool's vaults are not where its program puts them")
        return (pool, *state.vaults, *state.mints)

    def swap(
        self, terms: Sequence[str], trader: Trader, amount_in: int, min_out: int, *, forward: bool
    ) -> tuple[Instruction, ...]:
        """Make one `swap`. The trader's accounts alone say which way it goes, and the program sees to that."""
        if len(terms) != _TERMS:
            raise Refused("bad_terms", "the terms are not those of a swap in a pool of Meteora DAMM v2")
        pool, vault_a, vault_b, mint_a, mint_b = terms
        accounts = (
            Meta(AUTHORITY),
            Meta(pool, writable=True),
            Meta(trader.source, writable=True),
            Meta(trader.destination, writable=True),
            Meta(vault_a, writable=True),
            Meta(vault_b, writable=True),
            Meta(mint_a),
            Meta(mint_b),
            Meta(trader.wallet, signer=True),
            Meta(SPL_TOKEN),
            Meta(SPL_TOKEN),
            Meta(PROGRAM),  # in place of a referral's account: none
            Meta(_EVENT_AUTHORITY),
            Meta(PROGRAM),
        )
        return (Instruction(program=PROGRAM, accounts=accounts, data=exact_in.write(_SWAP, amount_in, min_out)),)

    def read_swap(self, instructions: Sequence[Instruction]) -> SwapCall:
        """Read back a `swap`; which mint goes in and which comes out is told by the wallet's own accounts of them."""
        found, amount_in, min_out = exact_in.read(instructions, _ACCOUNTS)
        _, pool, source, destination, vault_a, vault_b, mint_a, mint_b, wallet, *_ = found
        trader = Trader(wallet=wallet, source=source, destination=destination)
        (made,) = self.swap((pool, vault_a, vault_b, mint_a, mint_b), trader, amount_in, min_out, forward=True)
        if not exact_in.is_as(instructions[0], made) or not _are_the_pools(pool, (vault_a, vault_b), (mint_a, mint_b)):
            raise exact_in.not_a_swap()
        own = exact_in.own_accounts(wallet, (mint_a, mint_b))
        return SwapCall(
            trader=trader,
            pool=pool,
            amount_in=amount_in,
            min_out=min_out,
            input_mint=own.get(source),
            output_mint=own.get(destination),
        )


def _are_the_pools(pool: str, vaults: Sequence[str], mints: Sequence[str]) -> bool:
    """Say whether vaults are where the program puts those of the pool and these mints."""
    try:
        derived = [program_address(PROGRAM, b"token_vault", seed(mint), seed(pool)) for mint in mints]
    except ValueError:  # one is no address
        return False
    return [*vaults] == derived
