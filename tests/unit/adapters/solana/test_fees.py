"""What is offered for a place in a block keeps its cap, and what a transaction costs is known beforehand."""

import pytest
from attrs import evolve

from bestfill.errors import ExecutionError
from bestfill_adapters.solana.fees import (
    UNITS_MAX,
    FeePolicy,
    compute_limit,
    fee_lamports,
    priority_lamports,
    read_budget,
)
from bestfill_adapters.solana.frame import memo
from bestfill_adapters.solana.transaction import compile_message, read_message
from tests.unit.adapters.solana.toys import BLOCKHASH, PLANS, WALLET, built

POLICY = FeePolicy(percentile=75, max_priority_fee=100_000)


@pytest.mark.parametrize(
    ("units", "limit"),
    [
        (0, 20_000),
        (1, 20_002),
        (33_400, 56_740),
        (1_254_545, 1_400_000),
        (1_254_546, 1_400_000),
        (1_400_000, 1_400_000),
    ],
)
def test_the_limit_is_what_the_simulation_took_and_a_margin(units: int, limit: int):
    assert compute_limit(units) == limit


def test_a_swap_that_needs_more_than_a_transaction_may_compute_is_refused():
    with pytest.raises(ExecutionError, match="1400001 compute units"):
        compute_limit(UNITS_MAX + 1)


@pytest.mark.parametrize(
    ("percentile", "price"), [(1, 10), (25, 10), (26, 20), (50, 20), (75, 30), (76, 40), (100, 40)]
)
def test_the_price_is_the_percentile_of_what_was_paid_lately(percentile: int, price: int):
    policy = FeePolicy(percentile=percentile, max_priority_fee=100_000)
    assert policy.price((40, 10, 30, 20), 200_000) == price


def test_without_recent_fees_nothing_is_offered():
    assert POLICY.price((), 200_000) == 0
    assert POLICY.price((0, 0, 0), 200_000) == 0


@pytest.mark.parametrize("limit", [1, 7, 20_000, 199_999, 1_400_000])
@pytest.mark.parametrize("cap", [0, 1, 99_999, 100_000])
def test_the_cap_is_kept_to_the_lamport_and_used_up(limit: int, cap: int):
    price = FeePolicy(percentile=75, max_priority_fee=cap).price((2**64 - 1,), limit)
    assert priority_lamports(limit, price) <= cap < priority_lamports(limit, price + 1)


def signed(message: bytes, signers: int) -> bytes:
    return bytes([signers]) + bytes(64 * signers) + message


def test_the_fee_is_read_from_the_bytes():
    assert fee_lamports(signed(built(PLANS["SOL in"]), 1)) == 5_000 + 2_000
    assert fee_lamports(signed(built(PLANS["two legs"], compute_limit=200_001, compute_price=1), 2)) == 10_000 + 1
    assert fee_lamports(signed(built(PLANS["SOL in"], compute_price=0), 1)) == 5_000


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("more", [b"", b"\0"], ids=["short", "long"])
def test_a_budget_of_another_size_is_not_read(place: int, more: bytes):
    budget = list(read_message(built(PLANS["SOL in"])).instructions[:2])
    budget[place] = evolve(budget[place], data=budget[place].data + more if more else budget[place].data[:-1])
    with pytest.raises(ExecutionError, match="compute limit"):
        read_budget(budget)


def test_a_transaction_that_leaves_its_budget_open_has_no_fee_that_is_known():
    with pytest.raises(ExecutionError, match="compute limit"):
        fee_lamports(signed(compile_message(WALLET, [memo("x")], BLOCKHASH), 1))
