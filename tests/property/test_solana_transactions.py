"""However a transaction is changed, it is signed only if it still does what the plan says, and no more."""

from collections.abc import Sequence

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.message import MessageV0, from_bytes_versioned

from bestfill.errors import ExecutionError
from bestfill.quote import SwapPlan
from bestfill_adapters.solana import frame
from bestfill_adapters.solana.account import SPL_TOKEN
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.market import Instruction, Meta
from bestfill_adapters.solana.transaction import compile_message
from tests.unit.adapters.solana.toys import (
    AUTHORITY,
    BLOCKHASH,
    EUR,
    MARKETS,
    PLANS,
    SOL,
    USD,
    WALLET,
    Call,
    Transfers,
    address,
    built,
    checked,
    transfer,
)

WHOLE = [(whole, built(whole, missing=missing)) for whole in PLANS.values() for missing in (False, True)]
THIEF = address(66)
OWN = [token_account(WALLET, mint) for mint in (SOL, USD, EUR)]
Plain = tuple[str, tuple[str, ...], bytes]
"""An instruction without flags, whose roles are known by their places."""


def plain(message: bytes) -> tuple[str, list[str], list[Plain]]:
    """Read a message by other means than the code at hand: blockhash, signers, instructions."""
    read = from_bytes_versioned(message)
    assert isinstance(read, MessageV0) and not read.address_table_lookups
    keys = [str(k) for k in read.account_keys]
    instructions = [(keys[i.program_id_index], tuple(keys[n] for n in i.accounts), i.data) for i in read.instructions]
    return str(read.recent_blockhash), keys[: read.header.num_required_signatures], instructions


def matters(instruction: Plain) -> tuple[Plain, int]:
    """Leave out the pool's own accounts, which the markets see to, and part the least output from the rest."""
    program, accounts, data = instruction
    if program == frame.COMPUTE_BUDGET:  # the caps are left, as they are tested elsewhere
        return (program, accounts, data[:1]), 0
    if program == Call.program:  # wallet, source, destination, pool, vaults, mints
        return (program, (*accounts[:4], *accounts[6:]), data[:16]), int.from_bytes(data[16:], "little")
    if program == SPL_TOKEN and data[:1] == b"\x03":  # source, destination, owner
        if accounts[2] == WALLET:
            return (program, (accounts[0], accounts[2]), data), 0
        return (program, accounts[1:], data[:1]), int.from_bytes(data[1:], "little")
    return instruction, 0


def accepted(message: bytes, whole: SwapPlan) -> bool:
    try:
        checked(message, whole)
    except ExecutionError:
        return False
    return True


def does_the_same(message: bytes, whole: SwapPlan) -> None:
    """Hold what was accepted against what is built for the plan; only the bounds may differ, and be stricter."""
    blockhash, signers, found = plain(message)
    account = token_account(WALLET, whole.output_mint)
    missing = any(program == frame.ATA_PROGRAM and accounts[1] == account for program, accounts, _ in found)
    _, _, made = plain(built(whole, missing=missing))
    assert blockhash == BLOCKHASH
    assert signers in ([WALLET], [WALLET, AUTHORITY])
    assert len(found) == len(made)
    for one, other in zip(found, made, strict=True):
        (actual, bound), (expected, least) = matters(one), matters(other)
        assert actual == expected
        assert bound >= least
        # And no account of the wallet is where only the pool's accounts may be.
        assert [a in {WALLET, *OWN} for a in one[1]] == [a in {WALLET, *OWN} for a in other[1]]


@settings(deadline=None, max_examples=400)
@given(
    case=st.sampled_from(WHOLE),
    changes=st.lists(st.tuples(st.integers(0, 1_300), st.integers(1, 255)), min_size=1, max_size=3),
)
def test_a_message_with_changed_bytes_is_refused_or_does_the_same(
    case: tuple[SwapPlan, bytes], changes: list[tuple[int, int]]
):
    whole, original = case
    bent = bytearray(original)
    for place, mask in changes:
        bent[place % len(bent)] ^= mask
    if accepted(bytes(bent), whole):
        does_the_same(bytes(bent), whole)


def test_each_flipped_bit_is_refused_or_does_the_same():
    whole = PLANS["two legs"]
    original = built(whole, missing=True)
    kept = 0
    for place in range(8 * len(original)):
        bent = bytearray(original)
        bent[place // 8] ^= 1 << place % 8
        if accepted(bytes(bent), whole):
            does_the_same(bytes(bent), whole)
            kept += 1
    assert kept  # the vaults' addresses at least are the market's business


ADDRESSES = st.sampled_from([WALLET, AUTHORITY, THIEF, *OWN, SOL, USD, EUR, *(address(n) for n in (31, 32))])
METAS = st.builds(Meta, ADDRESSES, writable=st.booleans(), signer=st.booleans())
HOSTILE = st.one_of(
    st.builds(transfer, ADDRESSES, ADDRESSES, ADDRESSES, st.integers(0, 2**64 - 1)),
    st.builds(
        Instruction,
        program=st.sampled_from([frame.COMPUTE_BUDGET, frame.SYSTEM, frame.ATA_PROGRAM, frame.MEMO, SPL_TOKEN, THIEF]),
        accounts=st.lists(METAS, max_size=6).map(tuple),
        data=st.one_of(st.binary(max_size=12), st.integers(0, 40).map(lambda kind: bytes([kind]) + bytes(8))),
    ),
    st.builds(frame.create_account, st.sampled_from([WALLET, THIEF]), st.sampled_from([SOL, USD, EUR])),
    st.sampled_from([frame.unwrap(WALLET), *frame.wrap(WALLET, 1_000), frame.memo(""), frame.limit(1), frame.price(1)]),
)


def instructions_of(message: bytes) -> list[Instruction]:
    """Make a message's instructions again, each account with the flags that it has there."""
    read = from_bytes_versioned(message)
    keys = [str(k) for k in read.account_keys]
    return [
        Instruction(
            program=keys[i.program_id_index],
            accounts=tuple(
                Meta(keys[n], writable=read.is_maybe_writable(n), signer=read.is_signer(n)) for n in i.accounts
            ),
            data=i.data,
        )
        for i in read.instructions
    ]


@st.composite
def bends(draw: st.DrawFn, instructions: Sequence[Instruction]) -> list[Instruction]:
    """Bend a list of instructions: put some in, take some out, exchange, repeat, or readdress them."""
    bent = list(instructions)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(bent) - 1))
        match draw(st.sampled_from(["add", "drop", "exchange", "repeat", "readdress"])):
            case "add":
                bent.insert(place, draw(HOSTILE))
            case "drop" if len(bent) > 1:
                del bent[place]
            case "exchange":
                other = draw(st.integers(0, len(bent) - 1))
                bent[place], bent[other] = bent[other], bent[place]
            case "repeat":
                bent.insert(draw(st.integers(0, len(bent))), bent[place])
            case _:
                metas = list(bent[place].accounts)
                if metas:
                    metas[draw(st.integers(0, len(metas) - 1))] = draw(METAS)
                bent[place] = evolve(bent[place], accounts=tuple(metas))
    return bent


@settings(deadline=None, max_examples=400)
@given(data=st.data(), case=st.sampled_from(WHOLE))
def test_other_instructions_are_refused_or_do_the_same(data: st.DataObject, case: tuple[SwapPlan, bytes]):
    whole, original = case
    bent = data.draw(bends(instructions_of(original)))
    try:
        message = compile_message(WALLET, bent, BLOCKHASH)
    except ExecutionError:
        return  # too long
    if accepted(message, whole):
        does_the_same(message, whole)


@settings(max_examples=500)
@given(message=st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"\x80\x01\x00\x01" + tail))
def test_any_bytes_are_refused_and_nothing_else_goes_wrong(message: bytes):
    assert not accepted(message, PLANS["SOL in"])


def test_the_toys_are_what_this_takes_them_for():
    assert set(MARKETS) == {Transfers.name, Call.name}
    for whole, message in WHOLE:
        assert accepted(message, whole)
        does_the_same(message, whole)
