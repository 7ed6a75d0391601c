"""Pools without a program: a swap is two token transfers in one transaction, signed by the trader and the pool's owner.

The price is that of a constant product of what the owner's two token accounts hold, less a fee on the input. It is
fixed in the quote: the pool pays just that, or nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from bestfill.errors import ValidationError
from bestfill.units import BPS, U64_MAX, Mint, to_mint
from bestfill_adapters.solana.account import SPL_TOKEN, Refused, Snapshot, checked
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.market import Instruction, Market, Meta, Priced, SwapCall, Trader
from bestfill_adapters.solana.markets.exact_in import is_as, not_a_swap
from bestfill_adapters.solana.quoting.amounts import ceil_div, check_input, part_bps, vault_balance
from bestfill_adapters.solana.signer import Signer

_TRANSFER_CHECKED: Final = 12
_MINT_BYTES: Final = 82


@frozen(kw_only=True)
class TransferPoolEntry:
    """A pool: who owns it and signs for it, which mints it trades, its fee in basis points of the input."""

    cosigner: Signer = field(repr=False)
    mints: tuple[Mint, Mint]
    fee_bps: int

    @property
    def address(self) -> str:
        """The pool's address: its owner's. The vaults are the owner's associated token accounts."""
        return self.cosigner.address


class TransferPool(Market):
    """Pools of token transfers. Terms: pool, mints and decimals by side, and the amount that it pays.

    Raises:
        ValueError: an entry is not one of a pool, or a pool is there twice.
    """

    def __init__(self, name: str, entries: Iterable[TransferPoolEntry]) -> None:
        self._name = name
        self._pools: dict[str, TransferPoolEntry] = {}
        for entry in entries:
            if problem := _problem(entry):
                raise ValueError(f"the pool {entry.address} {problem}")
            if entry.address in self._pools:
                raise ValueError(f"the pool {entry.address} is there twice; take one out")
            self._pools[entry.address] = entry

    @property
    def name(self) -> str:
        """The venue's name."""
        return self._name

    @property
    def cosigners(self) -> Mapping[str, Signer]:
        """Who signs for the pools besides the trader, by address."""
        return {address: entry.cosigner for address, entry in self._pools.items()}

    def mints(self, pool: str, snapshot: Snapshot) -> tuple[Mint, Mint]:
        """Give the mints of a pool."""
        return self._entry(pool).mints

    def accounts(self, pool: str, snapshot: Snapshot, *, forward: bool) -> tuple[str, ...]:
        """Give the vaults' addresses and the mints."""
        mints = self._entry(pool).mints
        return (*(token_account(pool, mint) for mint in mints), *mints)

    def price(self, pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
        """Say what a swap would give."""
        entry = self._entry(pool)
        reserves = [vault_balance(snapshot.get(token_account(pool, mint)), mint, pool) for mint in entry.mints]
        reserve_in, reserve_out = reserves if forward else reversed(reserves)
        check_input(amount_in, reserve_in)
        fee = ceil_div(amount_in * entry.fee_bps, BPS)
        net = amount_in - fee
        amount_out = net * reserve_out // (reserve_in + net) if net else 0
        if not amount_out:
            raise Refused("no_output", "so little buys nothing")
        return Priced(
            amount_out=amount_out,
            fee=fee,
            fee_bps=part_bps(fee, amount_in),
            # The price before the swap would have paid net · reserve_out / reserve_in.
            price_impact_bps=part_bps(net * reserve_out - amount_out * reserve_in, net * reserve_out),
        )

    def terms(self, pool: str, snapshot: Snapshot, priced: Priced, *, forward: bool) -> tuple[str, ...]:
        """Give the pool, its mints, their decimals, and the amount out."""
        mints = self._entry(pool).mints
        decimals = [checked(snapshot.get(mint), SPL_TOKEN, _MINT_BYTES).unsigned(44, 1) for mint in mints]
        return (pool, *mints, *map(str, decimals), str(priced.amount_out))

    def swap(
        self, terms: Sequence[str], trader: Trader, amount_in: int, min_out: int, *, forward: bool
    ) -> tuple[Instruction, ...]:
        """Make the two transfers; the second pays the quoted amount, however little the bound asks for.

        Raises:
            Refused: the terms are not those of a pool here (`bad_terms`), an amount is not 1 to 2**64 - 1
                (`bad_amount`), or the quoted amount is below the bound (`below_bound`).
        """
        pool, mints, decimals, amount_out = self._read_terms(terms)
        if not all(0 < amount <= U64_MAX for amount in (amount_in, min_out, amount_out)):
            raise Refused("bad_amount", "an amount of the swap is not 1 to 2**64 - 1 base units")
        if amount_out < min_out:
            raise Refused("below_bound", f"the pool pays {amount_out} base units, less than the bound of {min_out}")
        (mint_in, mint_out), (decimals_in, decimals_out) = (
            (mints, decimals) if forward else (mints[::-1], decimals[::-1])
        )
        return (
            _transfer(trader.source, mint_in, token_account(pool, mint_in), trader.wallet, amount_in, decimals_in),
            _transfer(token_account(pool, mint_out), mint_out, trader.destination, pool, amount_out, decimals_out),
        )

    def read_swap(self, instructions: Sequence[Instruction]) -> SwapCall:
        """Read back the two transfers, vaults and mints held against the pool's own."""
        if len(instructions) != 2:
            raise not_a_swap()
        (source, mint_in, vault_in, wallet), amount_in, decimals_in = _read_transfer(instructions[0])
        (vault_out, mint_out, destination, pool), amount_out, decimals_out = _read_transfer(instructions[1])
        entry = self._pools.get(pool)
        if entry is None or {mint_in, mint_out} != set(entry.mints) or not amount_in or not amount_out:
            raise not_a_swap()
        if (vault_in, vault_out) != (token_account(pool, mint_in), token_account(pool, mint_out)):
            raise not_a_swap()
        made = (
            _transfer(source, mint_in, vault_in, wallet, amount_in, decimals_in),
            _transfer(vault_out, mint_out, destination, pool, amount_out, decimals_out),
        )
        if not all(map(is_as, instructions, made)):
            raise not_a_swap()
        return SwapCall(
            trader=Trader(wallet=wallet, source=source, destination=destination),
            pool=pool,
            amount_in=amount_in,
            min_out=amount_out,
            input_mint=mint_in,
            output_mint=mint_out,
        )

    def _entry(self, pool: str) -> TransferPoolEntry:
        entry = self._pools.get(pool)
        if entry is None:
            raise Refused("unknown_pool", f"{pool} is no pool of {self._name}")
        return entry

    def _read_terms(self, terms: Sequence[str]) -> tuple[str, tuple[Mint, ...], tuple[int, ...], int]:
        if len(terms) != 6 or not all(term.isascii() and term.isdigit() and len(term) <= 20 for term in terms[3:]):
            raise Refused("bad_terms", f"the terms are not those of a swap in a pool of {self._name}")
        pool, *mints = terms[:3]
        entry, (*decimals, amount_out) = self._pools.get(pool), map(int, terms[3:])
        if entry is None or tuple(mints) != entry.mints or max(decimals) > 255:
            raise Refused("bad_terms", f"the terms are not those of a swap in a pool of {self._name}")
        return pool, entry.mints, tuple(decimals), amount_out


def _problem(entry: TransferPoolEntry) -> str | None:
    if not 0 <= entry.fee_bps < BPS:
        return f"must have a fee of 0 to {BPS - 1} basis points, not {entry.fee_bps}"
    if entry.mints[0] == entry.mints[1]:
        return "must trade two different mints"
    try:
        for mint in entry.mints:
            to_mint(mint)
    except ValidationError as error:
        return f"trades a mint that {error.reason}"
    return None


def _transfer(source: str, mint: str, destination: str, owner: str, amount: int, decimals: int) -> Instruction:
    accounts = (
        Meta(source, writable=True),
        Meta(mint),
        Meta(destination, writable=True),
        Meta(owner, signer=True),
    )
    data = bytes([_TRANSFER_CHECKED]) + amount.to_bytes(8, "little") + bytes([decimals])
    return Instruction(program=SPL_TOKEN, accounts=accounts, data=data)


def _read_transfer(found: Instruction) -> tuple[tuple[str, ...], int, int]:
    """Give a transfer's source, mint, destination and owner, its amount and decimals."""
    if found.program != SPL_TOKEN or len(found.accounts) != 4:
        raise not_a_swap()
    if len(found.data) != 10 or found.data[0] != _TRANSFER_CHECKED:
        raise not_a_swap()
    return tuple(meta.address for meta in found.accounts), int.from_bytes(found.data[1:9], "little"), found.data[9]
