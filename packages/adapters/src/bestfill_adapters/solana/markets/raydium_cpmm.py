"""Raydium CPMM: its pools, and its instruction `swap_base_input`."""

from collections.abc import Sequence
from typing import Final

from bestfill.units import Mint
from bestfill_adapters.solana.account import SPL_TOKEN, Refused, Snapshot
from bestfill_adapters.solana.derive import program_address, seed
from bestfill_adapters.solana.market import Instruction, Market, Meta, Priced, SwapCall, Trader
from bestfill_adapters.solana.markets import exact_in
from bestfill_adapters.solana.quoting.raydium_cpmm import AUTHORITY, PROGRAM, quote, read_pool

_SWAP: Final = bytes.fromhex("8fbe5adac41e33de")
_TERMS: Final = 7
_ACCOUNTS: Final = 13


class RaydiumCpmm(Market):
    """Pools of Raydium's constant product market maker. Terms: pool, config, vaults, mints, observation."""

    @property
    def name(self) -> str:
        """The venue's name."""
        return "raydium_cpmm"

    def pool_of(self, mints: tuple[str, str], config: str) -> str:
        """Give the address of the pool of a config and two mints."""
        return exact_in.pool_of_config(PROGRAM, mints, config)

    def mints(self, pool: str, snapshot: Snapshot) -> tuple[Mint, Mint]:
        """Give the mints of tokens 0 and 1."""
        mint0, mint1 = read_pool(snapshot.get(pool)).mints
        return Mint(mint0), Mint(mint1)

    def accounts(self, pool: str, snapshot: Snapshot, *, forward: bool) -> tuple[str, ...]:
        """Give the config's address and the vaults'."""
        state = read_pool(snapshot.get(pool))
        return (state.config, *state.vaults)

    def price(self, pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
        """Say what a swap would give."""
        return quote(pool, snapshot, amount_in, forward=forward)

    def terms(self, pool: str, snapshot: Snapshot, priced: Priced, *, forward: bool) -> tuple[str, ...]:
        """Give the pool's accounts by side."""
        state = read_pool(snapshot.get(pool))
        terms = (pool, state.config, *state.vaults, *state.mints, state.observation)
        if not _are_the_pools(pool, state.vaults, state.mints, state.observation):
            raise Refused("wrong_vault", "the pool's vaults are not where its program puts them")
        return terms

    def swap(
        self, terms: Sequence[str], trader: Trader, amount_in: int, min_out: int, *, forward: bool
    ) -> tuple[Instruction, ...]:
        """Make one `swap_base_input`."""
        if len(terms) != _TERMS:
            raise Refused("bad_terms", "the terms are not those of a swap in a pool of Raydium CPMM")
        pool, config, *sides, observation = terms
        vaults, mints = sides[:2], sides[2:]
        into, out_of = (0, 1) if forward else (1, 0)
        accounts = (
            Meta(trader.wallet, signer=True),
            Meta(AUTHORITY),
            Meta(config),
            Meta(pool, writable=True),
            Meta(trader.source, writable=True),
            Meta(trader.destination, writable=True),
            Meta(vaults[into], writable=True),
            Meta(vaults[out_of], writable=True),
            Meta(SPL_TOKEN),
            Meta(SPL_TOKEN),
            Meta(mints[into]),
            Meta(mints[out_of]),
            Meta(observation, writable=True),
        )
        return (Instruction(program=PROGRAM, accounts=accounts, data=exact_in.write(_SWAP, amount_in, min_out)),)

    def read_swap(self, instructions: Sequence[Instruction]) -> SwapCall:
        """Read back a `swap_base_input`, vaults and observation held against the pool's and the mints' addresses."""
        found, amount_in, min_out = exact_in.read(instructions, _ACCOUNTS)
        wallet, _, config, pool, source, destination, vault_in, vault_out, _, _, mint_in, mint_out, observation = found
        trader = Trader(wallet=wallet, source=source, destination=destination)
        terms = (pool, config, vault_in, vault_out, mint_in, mint_out, observation)
        (made,) = self.swap(terms, trader, amount_in, min_out, forward=True)
        if not exact_in.is_as(instructions[0], made) or not _are_the_pools(
            pool, (vault_in, vault_out), (mint_in, mint_out), observation
        ):
            raise exact_in.not_a_swap()
        return SwapCall(
            trader=trader,
            pool=pool,
            amount_in=amount_in,
            min_out=min_out,
            input_mint=mint_in,
            output_mint=mint_out,
        )


def _are_the_pools(pool: str, vaults: Sequence[str], mints: Sequence[str], observation: str) -> bool:
    """Say whether vaults and observation are where the program puts those of the pool and these mints."""
    try:
        derived = [program_address(PROGRAM, b"pool_vault", seed(pool), seed(mint)) for mint in mints]
        return (*vaults, observation) == (*derived, program_address(PROGRAM, b"observation", seed(pool)))
    except ValueError:  # one is no address
        return False
