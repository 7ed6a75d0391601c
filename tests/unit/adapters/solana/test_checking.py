"""Nothing is signed that does anything but what the plan says."""

from collections.abc import Callable

import pytest
from attrs import evolve

from bestfill.errors import ExecutionError
from bestfill.quote import SwapPlan
from bestfill.units import BaseUnits
from bestfill_adapters.solana import frame, transaction
from bestfill_adapters.solana.account import SPL_TOKEN
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.market import Instruction, Meta
from bestfill_adapters.solana.transaction import compile_message, read_message
from tests.unit.adapters.solana.toys import (
    AUTHORITY,
    BLOCKHASH,
    EUR,
    PLANS,
    SOL,
    USD,
    WALLET,
    address,
    built,
    checked,
    leg,
    plan,
    transfer,
)

THIEF = address(66)
LIMIT, PRICE, *_ = range(9)
SOURCE, DESTINATION = token_account(WALLET, SOL), token_account(WALLET, USD)
ME, MINE = Meta(WALLET, writable=True, signer=True), Meta(SOURCE, writable=True)

Instructions = list[Instruction]


def again(message: bytes, bend: Callable[[Instructions], None], payer: str = WALLET) -> bytes:
    """Bend a message's instructions, and compile them again."""
    instructions = list(read_message(message).instructions)
    bend(instructions)
    return compile_message(payer, instructions, BLOCKHASH)


def swapped(place: int, **change: object) -> Callable[[Instructions], None]:
    def bend(instructions: Instructions) -> None:
        instructions[place] = evolve(instructions[place], **change)

    return bend


def account(place: int, number: int, other: str) -> Callable[[Instructions], None]:
    """Put another address in the place of an account."""

    def bend(instructions: Instructions) -> None:
        metas = list(instructions[place].accounts)
        metas[number] = evolve(metas[number], address=other)
        instructions[place] = evolve(instructions[place], accounts=tuple(metas))

    return bend


def added(place: int, *more: Instruction) -> Callable[[Instructions], None]:
    def bend(instructions: Instructions) -> None:
        instructions[place:place] = more

    return bend


def without(place: int) -> Callable[[Instructions], None]:
    return lambda instructions: instructions.__delitem__(place)


def exchanged(one: int, other: int) -> Callable[[Instructions], None]:
    def bend(instructions: Instructions) -> None:
        instructions[one], instructions[other] = instructions[other], instructions[one]

    return bend


def token(kind: int, *accounts: Meta, rest: bytes = b"") -> Instruction:
    return Instruction(program=SPL_TOKEN, accounts=accounts, data=bytes([kind]) + rest)


def u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("whole", PLANS.values(), ids=PLANS)
def test_what_was_built_for_a_plan_fulfils_it(whole: SwapPlan, missing: bool):
    checked(built(whole, missing=missing), whole)


@pytest.mark.parametrize("other", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("whole", PLANS.values(), ids=PLANS)
def test_what_was_built_for_another_plan_does_not(whole: SwapPlan, other: SwapPlan):
    if whole is not other:
        with pytest.raises(ExecutionError):
            checked(built(other), whole)


# limit, price, create wSOL, create USD, transfer, sync, call, close, memo
CREATE, CREATE_OUT, WRAP, SYNC, SWAP, CLOSE, MEMO = range(2, 9)
FEE_OF_THIEF = Instruction(
    program=frame.SYSTEM, accounts=(ME, Meta(THIEF, writable=True)), data=bytes([2, 0, 0, 0]) + u64(1)
)
NONCE = Instruction(program=frame.SYSTEM, accounts=(Meta(THIEF, writable=True), ME), data=bytes([4, 0, 0, 0]))
APPROVE = token(4, MINE, Meta(THIEF), ME, rest=u64(1))
AUTHORIZE = token(6, MINE, ME, rest=b"\x02\x01" + bytes(32))


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        # what does not belong there at all
        (added(SWAP, FEE_OF_THIEF), "an instruction of the system program where a swap should be"),
        (added(CLOSE, FEE_OF_THIEF), "an instruction of the system program where a swap should be"),
        (added(MEMO, FEE_OF_THIEF), "an instruction of the system program where a token close-account"),
        (added(MEMO + 1, FEE_OF_THIEF), "a memo where a token close-account instruction should be"),
        (added(0, FEE_OF_THIEF), "compute limit and a compute price"),
        (added(0, NONCE), "compute limit and a compute price"),
        (added(SWAP, APPROVE), "a token approve instruction where a swap should be"),
        (added(SWAP, AUTHORIZE), "a token set-authority instruction where a swap should be"),
        (added(CLOSE, token(9, Meta(DESTINATION, writable=True), ME, ME)), "close-account instruction where a swap"),
        (added(CLOSE, token(8, Meta(DESTINATION, writable=True), Meta(USD), ME, rest=u64(1))), "a token burn"),
        (added(CLOSE, token(12, MINE, Meta(SOL), MINE, ME, rest=bytes(9))), "an instruction of the token program"),
        (added(SWAP, transfer(SOURCE, THIEF, WALLET, 1)), "token transfer instruction where a swap should be"),
        (added(SWAP, Instruction(program=THIEF, accounts=(ME,), data=b"")), f"a call of {THIEF}"),
        (added(SWAP, frame.memo("more")), "a memo where a swap should be"),
        (added(2, frame.price(1)), "a compute budget instruction where the creation of a token account should be"),
        (added(SWAP, frame.limit(1)), "a compute budget instruction where a swap should be"),
        (added(2, frame.create_account(WALLET, EUR)), "with other accounts"),
        (added(SWAP, frame.create_account(WALLET, EUR)), "the creation of a token account where a swap"),
        # what is missing, or not in its place
        (without(LIMIT), "compute limit and a compute price"),
        (without(PRICE), "compute limit and a compute price"),
        (without(CREATE), "the plan needs|should be"),
        (without(WRAP), "where an instruction of the system program should be"),
        (without(SYNC), "should be"),
        (without(SWAP), "swaps 0 times"),
        (without(CLOSE), "where a token close-account instruction should be"),
        (without(MEMO), "close-account instruction where a memo|where a token close-account"),
        (lambda instructions: instructions.__delitem__(slice(4, None)), "fewer instructions"),
        (exchanged(LIMIT, PRICE), "compute limit and a compute price"),
        (exchanged(WRAP, SYNC), "should be"),
        (exchanged(SWAP, CLOSE), "where a token close-account instruction should be"),
        # twice
        (added(SWAP, frame.wrap(WALLET, 1_500)[0]), "an instruction of the system program where a swap"),
        (lambda instructions: instructions.insert(SWAP, instructions[SWAP]), "swaps 2 times"),
        # what says something else
        (swapped(LIMIT, data=b"\x02" + (1_400_001).to_bytes(4, "little")), "compute limit of 1400001"),
        (swapped(LIMIT, data=b"\x02" + bytes(4)), "compute limit of 0"),
        (swapped(LIMIT, data=b"\x02" + bytes(8)), "compute limit and"),
        (swapped(LIMIT, accounts=(ME,)), "compute limit and"),
        (swapped(PRICE, data=b"\x03" + u64(10_001)), "priority fee of 2001 lamports is above the cap of 2000"),
        (account(CREATE, 2, THIEF), "with other accounts"),
        (account(CREATE_OUT, 1, THIEF), "with other accounts"),
        (account(CREATE_OUT, 3, EUR), "with other accounts"),
        (swapped(CREATE, data=b"\x00"), "says something else"),
        (swapped(CREATE, data=b""), "says something else"),
        (swapped(WRAP, data=bytes([2, 0, 0, 0]) + u64(1_501)), "says something else"),
        (swapped(WRAP, data=bytes([3, 0, 0, 0]) + u64(1_500)), "says something else"),
        (account(WRAP, 1, THIEF), "with other accounts"),
        (account(CLOSE, 0, DESTINATION), "with other accounts"),
        (account(CLOSE, 1, THIEF), "with other accounts"),
        (swapped(CLOSE, accounts=(MINE, ME, ME, ME)), "with other accounts"),
        (swapped(MEMO, data=b"another order/1"), "says something else"),
        (swapped(MEMO, accounts=(ME,)), "with other accounts"),
        (swapped(MEMO, program=THIEF), "where a memo should be"),
        # what the swap says
        (account(SWAP, 0, AUTHORITY), "not between the wallet's own accounts: it is by"),
        (account(SWAP, 1, THIEF), "not between the wallet's own accounts"),
        (account(SWAP, 2, THIEF), "not between the wallet's own accounts"),
        (account(SWAP, 2, SOURCE), "not between the wallet's own accounts"),
        (account(SWAP, 3, THIEF), "another pool"),
        (account(SWAP, 5, DESTINATION), "for more than"),
        (account(SWAP, 4, WALLET), "for more than"),
        (account(SWAP, 6, EUR), "another pair"),
        (account(SWAP, 7, EUR), "another pair"),
        (swapped(SWAP, data=b"swapswap" + u64(1_501) + u64(900)), "takes 1501 base units instead of 1500"),
        (swapped(SWAP, data=b"swapswap" + u64(1_499) + u64(900)), "takes 1499 base units instead of 1500"),
        (swapped(SWAP, data=b"swapswap" + u64(1_500) + u64(899)), "may pay 899 base units"),
        (swapped(SWAP, data=b"stealall" + u64(1_500) + u64(900)), "where a swap should be"),
        (swapped(SWAP, program=THIEF), "where a swap should be"),
    ],
)
def test_a_message_that_does_anything_else_is_refused(bend: Callable[[Instructions], None], reason: str):
    whole = PLANS["SOL in"]
    message = again(built(whole, missing=True), bend)
    with pytest.raises(ExecutionError, match=reason):
        checked(message, whole)


def test_a_stricter_bound_is_none_the_worse():
    whole = PLANS["SOL in"]
    checked(again(built(whole), swapped(5, data=b"swapswap" + u64(1_500) + u64(901))), whole)


def test_neither_sol_nor_its_account_is_touched_where_no_side_is_sol():
    whole = PLANS["tokens"]
    for bend in (
        added(3, frame.unwrap(WALLET)),
        added(2, *frame.wrap(WALLET, 1_500)),
        added(2, frame.create_account(WALLET, SOL)),
        added(2, frame.create_account(WALLET, USD)),
        account(2, 4, SOURCE),
    ):
        with pytest.raises(ExecutionError):
            checked(again(built(whole), bend), whole)


def test_only_the_wallet_pays_the_fees():
    whole = PLANS["SOL in"]
    with pytest.raises(ExecutionError, match="fees are not paid by the wallet"):
        checked(again(built(whole), lambda _: None, payer=THIEF), whole)
    with pytest.raises(ExecutionError, match="fees are not paid by the wallet"):
        checked(built(whole), whole, wallet=THIEF)


def test_only_the_wallet_and_known_cosigners_sign_and_only_for_a_swap():
    whole = PLANS["cosigned"]
    with pytest.raises(ExecutionError, match="signed by others"):
        checked(built(whole), whole, cosigners=[])
    whole = PLANS["SOL in"]  # whose pool is the cosigner's, too
    for signer, reason in ((THIEF, "another pool"), (AUTHORITY, "")):
        metas = list(read_message(built(whole)).instructions[5].accounts)
        metas[3] = Meta(signer, writable=True, signer=True)
        message = again(built(whole), swapped(5, accounts=tuple(metas)))
        with pytest.raises(ExecutionError, match=reason or "signed by others"):
            checked(message, whole, cosigners=[] if signer is AUTHORITY else [AUTHORITY])


def test_each_leg_is_held_against_its_own_part_of_the_plan():
    whole = PLANS["two legs"]
    one, other = whole.route
    for bend in (
        evolve(whole, route=(other, one)),
        evolve(whole, route=(evolve(one, amount_in=BaseUnits(999)), evolve(other, amount_in=BaseUnits(501)))),
        evolve(whole, route=(evolve(one, min_out=BaseUnits(599)), evolve(other, min_out=BaseUnits(301)))),
        evolve(whole, route=(one, leg("toy_call", SOL, USD, 500, 300, pool=THIEF))),
        plan(SOL, USD, ("toy_call", 1_500, 900)),
    ):
        with pytest.raises(ExecutionError):
            checked(built(whole), bend)
    alike = plan(SOL, USD, ("toy_transfers", 1_000, 600), ("toy_call", 1_000, 600))
    with pytest.raises(ExecutionError, match="another pool"):
        checked(built(alike), evolve(alike, route=alike.route[::-1]))


def test_a_plan_whose_legs_are_not_the_whole_of_it_is_never_fulfilled():
    whole = PLANS["SOL in"]
    message = built(whole)
    for wrong in (
        evolve(whole, min_out=BaseUnits(901)),
        evolve(whole, route=()),
        evolve(whole, route=(*whole.route, *whole.route)),
    ):
        with pytest.raises(ExecutionError):
            checked(message, wrong)


def test_a_message_that_the_chain_would_not_take_is_refused(monkeypatch: pytest.MonkeyPatch):
    whole = PLANS["SOL in"]
    message = built(whole)
    monkeypatch.setattr(transaction, "TRANSACTION_MAX_BYTES", len(message) + 65)
    checked(message, whole)
    monkeypatch.setattr(transaction, "TRANSACTION_MAX_BYTES", len(message) + 64)
    with pytest.raises(ExecutionError, match="bytes"):
        checked(message, whole)


def test_what_must_be_written_may_be():
    whole = PLANS["SOL in"]
    message = built(whole)
    locked = message[:3] + bytes([message[4] - 1]) + message[4:]  # all but the wallet read-only
    with pytest.raises(ExecutionError, match="may not write"):
        checked(locked, whole)


def test_a_swap_of_two_transfers_must_be_whole_and_pay_the_wallet():
    whole = PLANS["cosigned"]  # limit, price, there, back, memo
    for bend, reason in (
        (without(2), "a token transfer instruction where a swap"),
        (without(3), "a token transfer instruction where a swap"),
        (account(3, 1, THIEF), "own accounts"),
        (account(2, 0, DESTINATION), "own accounts"),
        (account(2, 1, DESTINATION), "for more than"),
        (account(3, 2, WALLET), "another pool"),
        (account(3, 0, token_account(WALLET, EUR)), "for more than"),
    ):
        with pytest.raises(ExecutionError, match=reason):
            checked(again(built(whole), bend), whole)


def test_the_blockhash_is_the_one_that_the_proof_of_death_goes_by():
    whole = PLANS["SOL in"]
    with pytest.raises(ExecutionError, match="another blockhash"):
        checked(built(whole, blockhash=THIEF), whole)


def test_only_version_0_without_lookup_tables_is_read():
    whole = PLANS["SOL in"]
    message = built(whole)
    with pytest.raises(ExecutionError, match="version 0"):
        checked(message[1:], whole)
    with pytest.raises(ExecutionError, match="version 0"):
        checked(b"\x81" + message[1:], whole)
    with pytest.raises(ExecutionError, match="more than a transaction"):
        checked(message + b"\0", whole)
    with pytest.raises(ExecutionError, match="lookup tables"):
        checked(message[:-1] + b"\x01" + bytes(32) + b"\x01\x00\x00", whole)
    with pytest.raises(ExecutionError, match="not a transaction"):
        checked(message[:-1], whole)


def test_no_account_stands_there_unused():
    whole = PLANS["SOL in"]
    message = built(whole)
    keys = message[4]
    end = 5 + 32 * keys
    # One more, at the end, where accounts are read-only: no index changes.
    more = bytes([*message[:3], message[3] + 1, keys + 1]) + message[5:end] + bytes([66]) * 32 + message[end:]
    with pytest.raises(ExecutionError, match="none of its instructions uses"):
        checked(more, whole)
    twice = bytes([*message[:3], message[3] + 1, keys + 1]) + message[5:end] + message[5:37] + message[end:]
    with pytest.raises(ExecutionError, match="names an account twice"):
        checked(twice, whole)
