"""Recorded swaps as test data, and ways to bend what they start from."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import pytest
from attrs import evolve
from hypothesis import strategies as st

from bestfill.quote import Leg, SwapPlan
from bestfill.units import BaseUnits, OrderId, base58_encode
from bestfill_adapters.solana.account import Account, Refused, Snapshot
from bestfill_adapters.solana.frame import NATIVE_MINT
from bestfill_adapters.solana.legs import LegTerms, encode_leg
from bestfill_adapters.solana.market import Instruction, Meta, Trader
from bestfill_adapters.solana.replay import Recording, load

DATA = Path(__file__).parents[3] / "data/solana"
ADDRESSES = st.binary(min_size=32, max_size=32).map(base58_encode)
TRADERS = st.builds(Trader, wallet=ADDRESSES, source=ADDRESSES, destination=ADDRESSES)
AMOUNTS = st.integers(1, 64).flatmap(lambda bits: st.integers(2 ** (bits - 1), 2**bits - 1))
"""1 to 2**64 - 1, of every size."""

T = TypeVar("T")


@lru_cache
def recording(venue: str) -> Recording:
    return load(DATA / f"{venue}.json")


def pool_of(venue: str, name: str) -> tuple[str, Snapshot]:
    """Give a pool's address and the snapshot that its recorded swaps start from."""
    found = recording(venue)
    address, now = found.pools[name]["pool"], found.pools[name]["now"]
    assert isinstance(address, str) and isinstance(now, int)
    return address, Snapshot(slot=300_000_000, now=now, accounts=found.accounts)


def patched(snapshot: Snapshot, address: str, offset: int, data: bytes) -> Snapshot:
    """Write over some bytes of an account."""
    old = snapshot.get(address)
    new = old.data[:offset] + data + old.data[offset + len(data) :]
    return evolve(snapshot, accounts={**snapshot.accounts, address: evolve(old, data=new)})


@contextmanager
def refused(name: str) -> Iterator[None]:
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.name == name


def unless_refused(call: Callable[[], T], *names: str) -> T | None:
    """Give what a call gives, or None if it is refused by one of these names."""
    try:
        return call()
    except Refused as refusal:
        if refusal.name not in names:
            raise
        return None


@st.composite
def bent(draw: st.DrawFn, accounts: Mapping[str, Account], used: list[str]) -> Mapping[str, Account | None]:
    """Give accounts of which one is cut off, changed in a few bits, filled with chance, somebody else's, or gone."""
    address = draw(st.sampled_from(used))
    old = accounts[address]
    size = len(old.data)
    match draw(st.sampled_from(["cut", "flip", "fill", "owner", "gone"])):
        case "cut":
            new = evolve(old, data=old.data[: draw(st.integers(0, size - 1))])
        case "flip":
            bits = int.from_bytes(old.data, "little")
            for bit in draw(st.lists(st.integers(0, 8 * size - 1), min_size=1, max_size=8)):
                bits ^= 1 << bit
            new = evolve(old, data=bits.to_bytes(size, "little"))
        case "fill":
            begin = draw(st.sampled_from([0, 8, 16]))
            new = evolve(old, data=old.data[:begin] + draw(st.binary(min_size=size - begin, max_size=size - begin)))
        case "owner":
            new = evolve(old, owner=draw(ADDRESSES))
        case _:
            new = None
    return {**accounts, address: new}


def with_address(instruction: Instruction, place: int, address: str) -> Instruction:
    metas = list(instruction.accounts)
    metas[place] = evolve(metas[place], address=address)
    return evolve(instruction, accounts=tuple(metas))


def with_meta(instruction: Instruction, place: int, *, writable: bool, signer: bool) -> Instruction:
    metas = list(instruction.accounts)
    metas[place] = Meta(metas[place].address, writable, signer)
    return evolve(instruction, accounts=tuple(metas))


def longest_plan(market: str, pool: str, terms: tuple[str, ...], output_mint: str) -> SwapPlan:
    """Give the plan that takes most room: SOL is wrapped, and the output's account created."""
    payload = encode_leg(LegTerms(market=market, pool=pool, forward=True, terms=terms))
    trade = {
        "input_mint": NATIVE_MINT,
        "output_mint": output_mint,
        "amount_in": BaseUnits(10**9),
        "min_out": BaseUnits(1),
    }
    return SwapPlan(
        order_id=OrderId("01a20342-bf71-7304-bcda-895e8e7b2da3"),
        attempt=100,
        route=(Leg(venue=market, payload=payload, **trade),),
        **trade,
    )
