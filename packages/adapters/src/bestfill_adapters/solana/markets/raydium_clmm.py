"""Raydium CLMM: its pools, and its instruction `swap_v2`."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from bestfill.units import Mint
from bestfill_adapters.solana.account import SPL_TOKEN, Refused, Snapshot, checked, discriminator
from bestfill_adapters.solana.derive import program_address, seed
from bestfill_adapters.solana.market import Instruction, Market, Meta, Priced, SwapCall, Trader
from bestfill_adapters.solana.markets import exact_in
from bestfill_adapters.solana.quoting.raydium_clmm import PROGRAM, Pool, quote, read_mints, read_pool

MOST_ARRAYS: Final = 11
"""So many tick arrays fit a transaction of 1,232 bytes: (1,232 − 694 − 156) / 33.

A swap alone, with limit and price of computation, takes 694 bytes and 33 an array. What stands around it takes at most
156: the system program's and the associated token program's keys 64, two creations of token accounts 20, SOL moved 17,
counted 5 and unwrapped 7, and a memo of up to 40 characters 43 (its program is one of the swap's accounts).
"""
MOST_TICKS: Final = 64
"""So many ticks may be crossed. The longest recorded walk used 0.21 million compute units for ten, so these should use
some 1.1 of the 1.4 million that a transaction may; a simulation tells.
"""

TOKEN_2022: Final = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"  # noqa: S105 - a program
_SWAP: Final = bytes.fromhex("2b04ed0b1ac91e62")
_TAIL: Final = bytes(16) + b"\x01"
"""No limit of the price; the amount is the input's."""
_FIXED_TERMS: Final = 8
_FIXED_ACCOUNTS: Final = 14
_EXTENSION_BYTES: Final = 1832
_EXTENSION: Final = discriminator("TickArrayBitmapExtension")
_MEMO: Final = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"


class RaydiumClmm(Market):
    """Pools of Raydium's CLMM.

    Terms: pool, config, vaults, mints, observation, the bitmap's extension, then tick arrays in walking order.
    """

    @property
    def name(self) -> str:
        """The venue's name."""
        return "raydium_clmm"

    def pool_of(self, mints: tuple[str, str], config: str) -> str:
        """Give the address of the pool of a config and two mints."""
        return exact_in.pool_of_config(PROGRAM, mints, config)

    def mints(self, pool: str, snapshot: Snapshot) -> tuple[Mint, Mint]:
        """Give the mints of tokens 0 and 1, even of a pool that is switched off."""
        mint0, mint1 = read_mints(snapshot.get(pool))
        return Mint(mint0), Mint(mint1)

    def accounts(self, pool: str, snapshot: Snapshot, *, forward: bool) -> tuple[str, ...]:
        """Give the addresses of the config, the vaults, the bitmap's extension, and as many tick arrays as fit."""
        state = read_pool(snapshot.get(pool))
        return (state.config, *state.vaults, _extension(pool), *_arrays(pool, state, forward=forward).values())

    def price(self, pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
        """Say what a swap would give."""
        arrays = _arrays(pool, read_pool(snapshot.get(pool)), forward=forward)
        return quote(pool, snapshot, amount_in, arrays, forward=forward, most_ticks=MOST_TICKS)

    def terms(self, pool: str, snapshot: Snapshot, priced: Priced, *, forward: bool) -> tuple[str, ...]:
        """Give the pool's accounts by side, the tick arrays that the swap walks through, and the next one if it fits.

        The next one is for a price that moves on before the swap lands.
        """
        state = read_pool(snapshot.get(pool))
        arrays, extension = _arrays(pool, state, forward=forward), _extension(pool)
        if not _are_the_pools(pool, state.vaults, state.mints, extension):
            raise Refused("wrong_vault", "the pool's vaults are not where its program puts them")
        # Nothing is read from it, but the program must find it.
        checked(snapshot.get(extension), PROGRAM, _EXTENSION_BYTES, _EXTENSION)
        if not priced.arrays or priced.arrays != tuple(arrays)[: len(priced.arrays)]:
            raise Refused("bad_terms", "the quote is of another state of the pool")
        fixed = (pool, state.config, *state.vaults, *state.mints, state.observation, extension)
        return (*fixed, *islice(arrays.values(), len(priced.arrays) + 1))

    def swap(
        self, terms: Sequence[str], trader: Trader, amount_in: int, min_out: int, *, forward: bool
    ) -> tuple[Instruction, ...]:
        """Make one `swap_v2`."""
        fixed, arrays = terms[:_FIXED_TERMS], terms[_FIXED_TERMS:]
        if not 0 < len(arrays) <= MOST_ARRAYS:
            raise Refused("bad_terms", "the terms are not those of a swap in a pool of Raydium CLMM")
        pool, config, *sides, observation, extension = fixed
        vaults, mints = sides[:2], sides[2:]
        into, out_of = (0, 1) if forward else (1, 0)
        accounts = (
            Meta(trader.wallet, signer=True),
            Meta(config),
            Meta(pool, writable=True),
            Meta(trader.source, writable=True),
            Meta(trader.destination, writable=True),
            Meta(vaults[into], writable=True),
            Meta(vaults[out_of], writable=True),
            Meta(observation, writable=True),
            Meta(SPL_TOKEN),
            Meta(TOKEN_2022),
            Meta(_MEMO),
            Meta(mints[into]),
            Meta(mints[out_of]),
            Meta(extension, writable=True),
            *(Meta(array, writable=True) for array in arrays),
        )
        data = exact_in.write(_SWAP, amount_in, min_out) + _TAIL
        return (Instruction(program=PROGRAM, accounts=accounts, data=data),)

    def read_swap(self, instructions: Sequence[Instruction]) -> SwapCall:
        """Read back a `swap_v2`, vaults and extension held against the pool's and the mints' addresses."""
        size = sum(len(instruction.accounts) for instruction in instructions)
        if not 0 < size - _FIXED_ACCOUNTS <= MOST_ARRAYS:
            raise exact_in.not_a_swap()
        found, amount_in, min_out = exact_in.read(instructions, size)
        fixed, arrays = found[:_FIXED_ACCOUNTS], found[_FIXED_ACCOUNTS:]
        wallet, config, pool, source, destination, vault_in, vault_out, observation, *_ = fixed
        mint_in, mint_out, extension = fixed[-3:]
        trader = Trader(wallet=wallet, source=source, destination=destination)
        terms = (pool, config, vault_in, vault_out, mint_in, mint_out, observation, extension, *arrays)
        (made,) = self.swap(terms, trader, amount_in, min_out, forward=True)
        if not exact_in.is_as(instructions[0], made) or not _are_the_pools(
            pool, (vault_in, vault_out), (mint_in, mint_out), extension
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


def _arrays(pool: str, state: Pool, *, forward: bool) -> dict[int, str]:
    """Give the addresses of the tick arrays that a swap may walk through, by first tick, in walking order."""
    key = seed(pool)
    return {
        start: program_address(PROGRAM, b"tick_array", key, start.to_bytes(4, "big", signed=True))
        for start in islice(state.starts(forward=forward), MOST_ARRAYS)
    }


def _extension(pool: str) -> str:
    return program_address(PROGRAM, b"pool_tick_array_bitmap_extension", seed(pool))


def _are_the_pools(pool: str, vaults: Sequence[str], mints: Sequence[str], extension: str) -> bool:
    """Say whether vaults and extension are where the program puts those of the pool and these mints."""
    try:
        derived = [program_address(PROGRAM, b"pool_vault", seed(pool), seed(mint)) for mint in mints]
        return (*vaults, extension) == (*derived, _extension(pool))
    except ValueError:  # one is no address
        return False
