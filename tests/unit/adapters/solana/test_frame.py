"""A transaction does what its plan says, in one order, in bytes that the chain knows."""

import pytest
from attrs import evolve

from bestfill.errors import ExecutionError
from bestfill.quote import SwapPlan
from bestfill.units import BaseUnits, Mint
from bestfill_adapters.solana import frame
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.legs import LegTerms, encode_leg
from bestfill_adapters.solana.transaction import read_message
from tests.unit.adapters.solana.toys import AUTHORITY, BOTH, EUR, PLANS, SOL, USD, WALLET, Call, built, leg, plan

NATIVE = token_account(WALLET, SOL)


def kinds(message: bytes) -> list[str]:
    """Name a message's instructions by program and first byte."""
    names = {
        frame.COMPUTE_BUDGET: "budget",
        frame.SYSTEM: "system",
        frame.ATA_PROGRAM: "create",
        frame.MEMO: "memo",
        frame.SPL_TOKEN: "token",
        Call.program: "call",
    }
    found = read_message(message).instructions
    return [names[i.program] + ("" if i.program == frame.MEMO else f" {i.data[0]}") for i in found]


def test_sold_sol_is_wrapped_first_and_what_is_left_unwrapped_last():
    assert kinds(built(PLANS["SOL in"], missing=True)) == [
        "budget 2",
        "budget 3",
        "create 1",
        "create 1",
        "system 2",
        "token 17",
        "call 115",
        "token 9",
        "memo",
    ]
    read = read_message(built(PLANS["SOL in"]))
    wrapped, left = read.instructions[3], read.instructions[-2]
    assert wrapped.data == bytes([2, 0, 0, 0]) + (1_500).to_bytes(8, "little")
    assert [m.address for m in wrapped.accounts] == [WALLET, NATIVE]
    assert [m.address for m in left.accounts] == [NATIVE, WALLET, WALLET]


def test_bought_sol_is_unwrapped_and_nothing_is_wrapped():
    assert kinds(built(PLANS["SOL out"])) == ["budget 2", "budget 3", "create 1", "call 115", "token 9", "memo"]


def test_a_token_account_is_created_only_when_it_is_missing():
    assert kinds(built(PLANS["tokens"])) == ["budget 2", "budget 3", "call 115", "memo"]
    message = built(PLANS["tokens"], missing=True)
    assert kinds(message) == ["budget 2", "budget 3", "create 1", "call 115", "memo"]
    created = read_message(message).instructions[2]
    assert [m.address for m in created.accounts] == [
        WALLET,
        token_account(WALLET, EUR),
        WALLET,
        EUR,
        frame.SYSTEM,
        frame.SPL_TOKEN,
    ]


def test_legs_follow_each_other_and_their_cosigners_sign_after_the_wallet():
    message = built(PLANS["two legs"])
    assert kinds(message)[5:8] == ["token 3", "token 3", "call 115"]
    read = read_message(message)
    assert read.keys[: read.signers] == (WALLET, AUTHORITY)


def test_no_two_attempts_have_the_same_message():
    memos = [read_message(built(plan(attempt=n))).instructions[-1].data for n in (1, 2)]
    assert memos == [f"{plan().order_id}/{n}".encode() for n in (1, 2)]
    assert built(plan()) == built(plan())
    assert built(plan()) != built(plan(), blockhash=AUTHORITY)


def test_without_an_account_of_the_input_nothing_is_built():
    with pytest.raises(ExecutionError, match="nothing to swap"):
        built(PLANS["tokens"], existing=[token_account(WALLET, EUR)])


def test_a_transaction_that_the_chain_would_not_take_is_refused_with_its_size():
    legs = [leg(Call.name, SOL, USD, 100, 60, pool=str(Mint(name))) for name in POOLS]
    whole = evolve(plan(), amount_in=BaseUnits(100 * len(legs)), min_out=BaseUnits(60 * len(legs)), route=tuple(legs))
    with pytest.raises(ExecutionError, match=r"would have \d{4} bytes, but the chain takes 1232"):
        built(whole)
    fewer = evolve(whole, amount_in=BaseUnits(300), min_out=BaseUnits(180), route=tuple(legs[:3]))
    assert len(built(fewer)) + 65 <= 1_232


POOLS = [token_account(WALLET, token_account(AUTHORITY, AUTHORITY))]
while len(POOLS) < 20:
    POOLS.append(token_account(WALLET, POOLS[-1]))


def bent(whole: SwapPlan, **terms: object) -> SwapPlan:
    """Bend the terms of a plan's one leg."""
    usual = {"market": Call.name, "pool": AUTHORITY, "forward": True, "terms": ()}
    payload = encode_leg(LegTerms(**{**usual, **terms}))  # pyright: ignore[reportArgumentType]
    return evolve(whole, route=(evolve(whole.route[0], payload=payload),))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (evolve(plan(), route=()), "nothing"),
        (evolve(plan(), output_mint=SOL), "nothing"),
        (evolve(plan(), output_mint=EUR), "another pair"),
        (evolve(plan(), amount_in=BaseUnits(1_501)), "exactly"),
        (evolve(plan(), amount_in=BaseUnits(True)), "base units"),
        (evolve(plan(), min_out=BaseUnits(901)), "bound"),
        (evolve(plan(), min_out=BaseUnits(0)), "base units"),
        (plan(SOL, USD, (Call.name, 2**64, 1)), "base units"),
        (plan(SOL, USD, (Call.name, -1, 1), (Call.name, 2, 1)), "base units"),
        (evolve(plan(), route=(evolve(plan().route[0], payload=b"{}"),)), "payload"),
        (bent(plan(), market="nowhere"), "no market nowhere"),
        (bent(plan()), "toy_call can't build the swap"),
        (bent(plan(), terms=("x", "y", "z", SOL, USD)), "an address"),
        (plan(Mint("x"), USD), "no address"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_plan_that_is_not_one_trade_is_refused(wrong: SwapPlan, reason: str):
    with pytest.raises(ExecutionError, match=reason):
        built(wrong)


@pytest.mark.parametrize(
    "bend",
    [
        {"wallet": "x"},
        {"blockhash": "x"},
        {"blockhash": ""},
        {"compute_limit": -1},
        {"compute_limit": 2**32},
        {"compute_price": 2**64},
    ],
    ids=str,
)
def test_what_does_not_fit_its_place_is_refused(bend: dict[str, object]):
    with pytest.raises(ExecutionError):
        built(plan(SOL, USD, *BOTH), **bend)
