"""Meteora DLMM: its pairs, and its instruction `swap2`."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from bestfill.units import Mint
from bestfill_adapters.solana.account import SPL_TOKEN, Refused, Snapshot
from bestfill_adapters.solana.derive import program_address, seed
from bestfill_adapters.solana.market import Instruction, Market, Meta, Priced, SwapCall, Trader
from bestfill_adapters.solana.markets import exact_in
from bestfill_adapters.solana.quoting.arrays import array_order
from bestfill_adapters.solana.quoting.meteora_dlmm import PROGRAM, Pair, quote, read_mints, read_pair

MOST_ARRAYS: Final = 13
"""So many bin arrays fit a transaction of 1,232 bytes: (1,232 − 619 − 156) / 33.

A swap alone, with limit and price of computation, takes 619 bytes and 33 an array. What stands around it takes at most
156: the system program's and the associated token program's keys 64, two creations of token accounts 20, SOL moved 17,
counted 5 and unwrapped 7, and a memo of up to 40 characters 43 (its program is one of the swap's accounts).
"""
MOST_BINS: Final = 215
"""The longest walk that was recorded: 1.15 of the 1.4 million compute units that a transaction may use."""

_SWAP: Final = bytes.fromhex("414b3f4ceb5b5b88")
_NO_EXTRAS: Final = bytes(4)
"""No remaining accounts for the hooks of mints."""
_FIXED_TERMS: Final = 6
_FIXED_ACCOUNTS: Final = 16
_MEMO: Final = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
_EVENT_AUTHORITY: Final = program_address(PROGRAM, b"__event_authority")


class MeteoraDlmm(Market):
    """Pairs of Meteora's DLMM. Terms: pair, reserves, mints, oracle, then bin arrays in walking order."""

    @property
    def name(self) -> str:
        """The venue's name."""
        return "meteora_dlmm"

    def mints(self, pool: str, snapshot: Snapshot) -> tuple[Mint, Mint]:
        """Give the mints of tokens X and Y, even of a pair that is switched off."""
        mint_x, mint_y = read_mints(snapshot.get(pool))
        return Mint(mint_x), Mint(mint_y)

    def accounts(self, pool: str, snapshot: Snapshot, *, forward: bool) -> tuple[str, ...]:
        """Give the addresses of the reserves, and of as many bin arrays as fit a transaction."""
        pair = read_pair(snapshot.get(pool))
        return (*pair.reserves, *_arrays(pool, pair, forward=forward).values())

    def price(self, pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
        """Say what a swap would give."""
        arrays = _arrays(pool, read_pair(snapshot.get(pool)), forward=forward)
        return quote(pool, snapshot, amount_in, arrays, forward=forward, most_bins=MOST_BINS)

    def terms(self, pool: str, snapshot: Snapshot, priced: Priced, *, forward: bool) -> tuple[str, ...]:
        """Give the pair's accounts by side, the bin arrays that the swap walks through, and the next one if it fits.

        The next one is for a price that moves on before the swap lands.
        """
        pair = read_pair(snapshot.get(pool))
        arrays = _arrays(pool, pair, forward=forward)
        fixed = (pool, *pair.reserves, *pair.mints, pair.oracle)
        if not _are_the_pairs(fixed):
            raise Refused("wrong_vault", "the pair's reserves or its oracle are not where its program puts them")
        if not priced.arrays or priced.arrays != tuple(arrays)[: len(priced.arrays)]:
            raise Refused("bad_terms", "the quote is of another state of the pair")
        return (*fixed, *islice(arrays.values(), len(priced.arrays) + 1))

    def swap(
        self, terms: Sequence[str], trader: Trader, amount_in: int, min_out: int, *, forward: bool
    ) -> tuple[Instruction, ...]:
        """Make one `swap2`. The trader's accounts alone say which way it goes, and the program sees to that."""
        fixed, arrays = terms[:_FIXED_TERMS], terms[_FIXED_TERMS:]
        if not 0 < len(arrays) <= MOST_ARRAYS:
            raise Refused("bad_terms", "the terms are not those of a swap in a pair of Meteora DLMM")
        pair, reserve_x, reserve_y, mint_x, mint_y, oracle = fixed
        accounts = (
            Meta(pair, writable=True),
            Meta(PROGRAM),  # in place of the bitmap's extension: none
            Meta(reserve_x, writable=True),
            Meta(reserve_y, writable=True),
            Meta(trader.source, writable=True),
            Meta(trader.destination, writable=True),
            Meta(mint_x),
            Meta(mint_y),
            Meta(oracle, writable=True),
            Meta(PROGRAM),  # in place of a host's account for fees: none
            Meta(trader.wallet, signer=True),
            Meta(SPL_TOKEN),
            Meta(SPL_TOKEN),
            Meta(_MEMO),
            Meta(_EVENT_AUTHORITY),
            Meta(PROGRAM),
            *(Meta(array, writable=True) for array in arrays),
        )
        data = exact_in.write(_SWAP, amount_in, min_out) + _NO_EXTRAS
        return (Instruction(program=PROGRAM, accounts=accounts, data=data),)

    def read_swap(self, instructions: Sequence[Instruction]) -> SwapCall:
        """Read back a `swap2`; which mint goes in and which comes out is told by the wallet's own accounts of them."""
        size = sum(len(instruction.accounts) for instruction in instructions)
        if not 0 < size - _FIXED_ACCOUNTS <= MOST_ARRAYS:
            raise exact_in.not_a_swap()
        found, amount_in, min_out = exact_in.read(instructions, size)
        fixed, arrays = found[:_FIXED_ACCOUNTS], found[_FIXED_ACCOUNTS:]
        pair, _, reserve_x, reserve_y, source, destination, mint_x, mint_y, oracle, _, wallet, *_ = fixed
        trader = Trader(wallet=wallet, source=source, destination=destination)
        named = (pair, reserve_x, reserve_y, mint_x, mint_y, oracle)
        (made,) = self.swap((*named, *arrays), trader, amount_in, min_out, forward=True)
        if not exact_in.is_as(instructions[0], made) or not _are_the_pairs(named):
            raise exact_in.not_a_swap()
        own = exact_in.own_accounts(wallet, (mint_x, mint_y))
        return SwapCall(
            trader=trader,
            pool=pair,
            amount_in=amount_in,
            min_out=min_out,
            input_mint=own.get(source),
            output_mint=own.get(destination),
        )


def _arrays(pool: str, pair: Pair, *, forward: bool) -> dict[int, str]:
    """Give the addresses of the bin arrays that a swap may walk through, by index, in walking order."""
    key = seed(pool)
    order = array_order(pair.bitmap, pair.active_array, down=forward)
    return {
        index: program_address(PROGRAM, b"bin_array", key, index.to_bytes(8, "little", signed=True))
        for index in islice(order, MOST_ARRAYS)
    }


def _are_the_pairs(fixed: Sequence[str]) -> bool:
    """Say whether reserves and oracle are where the program puts those of the pair and these mints."""
    pair, *reserves, mint_x, mint_y, oracle = fixed
    try:
        key = seed(pair)
        derived = [program_address(PROGRAM, key, seed(mint)) for mint in (mint_x, mint_y)]
        return [*reserves, oracle] == [*derived, program_address(PROGRAM, b"oracle", key)]
    except ValueError:  # one is no address
        return False
