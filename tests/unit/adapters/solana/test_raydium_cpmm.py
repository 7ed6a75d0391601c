"""Raydium CPMM: what its pools pay, which are refused, and its swap instruction."""

import hashlib
import json
from fractions import Fraction
from functools import partial
from math import ceil

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from bestfill.units import U64_MAX
from bestfill_adapters.solana.account import SPL_TOKEN, Refused, Snapshot
from bestfill_adapters.solana.derive import program_address, seed
from bestfill_adapters.solana.market import Priced, Trader
from bestfill_adapters.solana.markets.raydium_cpmm import RaydiumCpmm
from bestfill_adapters.solana.quoting import raydium_cpmm as quoting
from tests.unit.adapters.solana.recorded import (
    ADDRESSES,
    AMOUNTS,
    DATA,
    TRADERS,
    bent,
    patched,
    pool_of,
    recording,
    refused,
    unless_refused,
    with_address,
)

MARKET = RaydiumCpmm()
POOL, PLAIN = pool_of("raydium_cpmm", "accrued_1pct_6_9")
STATE = quoting.read_pool(PLAIN.get(POOL))
USED = [POOL, STATE.config, *STATE.vaults]
MILLION = 10**6


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def price(snapshot: Snapshot = PLAIN, amount_in: int = MILLION, *, forward: bool = True) -> Priced:
    return MARKET.price(POOL, snapshot, amount_in, forward=forward)


def pool_with(reserves: tuple[int, int], trade_rate: int = 2_500) -> Snapshot:
    """Give a pool that owes no fees, and so has all that is in its vaults."""
    snapshot = patched(patched(PLAIN, POOL, 341, bytes(32)), STATE.config, 12, u64(trade_rate))
    for vault, amount in zip(STATE.vaults, reserves, strict=True):
        snapshot = patched(snapshot, vault, 64, u64(amount))
    return snapshot


def test_what_the_program_kept_for_protocol_and_fund_is_their_part_of_the_quoted_fee():
    for case in json.loads((DATA / "raydium_cpmm.json").read_bytes())["cases"]:
        if "amount_out" in case:
            pool, snapshot = pool_of("raydium_cpmm", case["pool"])
            fee = MARKET.price(pool, snapshot, case["amount_in"], forward=case["forward"]).fee
            config = snapshot.get(quoting.read_pool(snapshot.get(pool)).config)
            kept = [fee * config.unsigned(offset, 8) // MILLION for offset in (20, 28)]
            assert kept == [case["protocol_fee"], case["fund_fee"]]


def test_fee_and_output_are_rounded_in_the_pools_favour():
    # Of 1,001 the fee is 2.5025, so 998 are swapped: 998 · 2,000 / 1,998 = 998.998…
    priced = price(pool_with((1_000, 2_000)), 1_001)
    assert priced == Priced(amount_out=998, fee=3, fee_bps=30, price_impact_bps=5_000)
    # 1 / 1.996 of the price is left; without a fee 1,000 of 2,000 would be paid.
    assert price(pool_with((1_000, 2_000), trade_rate=0), 1_000) == Priced(
        amount_out=1_000, fee=0, fee_bps=0, price_impact_bps=5_000
    )


@given(st.tuples(AMOUNTS, AMOUNTS), AMOUNTS, st.integers(0, MILLION))
def test_fee_and_price_impact_are_told_in_basis_points_rounded_up(reserves: tuple[int, int], amount_in: int, rate: int):
    assume(reserves[0] + amount_in <= U64_MAX)
    priced = unless_refused(lambda: price(pool_with(reserves, rate), amount_in), "no_output")
    if priced is None:
        return
    assert priced.fee_bps == ceil(Fraction(priced.fee, amount_in) * 10_000)
    paid, before = Fraction(priced.amount_out, amount_in - priced.fee), Fraction(reserves[1], reserves[0])
    assert priced.price_impact_bps == ceil((1 - paid / before) * 10_000)


def test_the_fees_that_are_owed_out_of_a_vault_are_no_part_of_its_reserve():
    owed = (123_456, 7_890_123)  # to protocol and fund together
    bare = price(pool_with((10**9, 10**9)))
    snapshot = pool_with((10**9 + owed[0], 10**9 + owed[1]))
    split = b"".join(map(u64, (owed[0] - 1, owed[1] - 2, 1, 2)))
    assert price(patched(snapshot, POOL, 341, split)) == bare
    assert price(snapshot) != bare


@pytest.mark.parametrize(
    ("offset", "data", "name"),
    [
        (0, b"\0", "wrong_kind"),
        (329, b"\x04", "swaps_disabled"),
        (329, b"\x07", "swaps_disabled"),
        (232, b"\x01", "token_program"),
        (264, b"\x01", "token_program"),
        (390, b"\x01", "creator_fees"),
        (397, b"\x01", "creator_fees"),
        (404, b"\x80", "creator_fees"),
        (405, b"\x01", "creator_fees"),
        (412, b"\x80", "creator_fees"),
        (8, b"\x01", "missing_account"),
        (72, b"\x01", "missing_account"),
        (104, b"\x01", "missing_account"),
        (168, b"\x01", "wrong_mint"),
        (200, b"\x01", "wrong_mint"),
    ],
)
def test_a_pool_that_is_not_understood_or_cannot_swap_is_refused_by_name(offset: int, data: bytes, name: str):
    with refused(name):
        price(patched(PLAIN, POOL, offset, data))


@pytest.mark.parametrize("switched_off", [0x01, 0x02, 0x08, 0x80, 0xFB])
def test_a_pool_of_which_other_things_are_switched_off_still_swaps(switched_off: int):
    assert price(patched(PLAIN, POOL, 329, bytes([switched_off]))) == price()


@pytest.mark.parametrize("switched_off", [0, 1, 2, 3])
def test_a_pool_whose_deposits_or_withdrawals_are_switched_off_still_swaps(switched_off: int):
    assert price(patched(PLAIN, POOL, 329, bytes([switched_off]))) == price()


@pytest.mark.parametrize(
    ("vault", "offset", "data", "name"),
    [
        (0, 0, b"\x01", "wrong_mint"),
        (1, 0, b"\x01", "wrong_mint"),
        (0, 32, b"\x01", "wrong_vault"),
        (1, 32, b"\x01", "wrong_vault"),
        (0, 108, b"\x02", "vault_frozen"),
        (1, 108, b"\x02", "vault_frozen"),
        (0, 108, b"\x00", "vault_frozen"),
        (0, 64, u64(7_654_321 + 99_991 - 1), "accrued_fees"),
        (1, 64, u64(1_234_567_891 + 77_777_777 - 1), "accrued_fees"),
        (0, 64, u64(7_654_321 + 99_991), "no_liquidity"),
        (1, 64, u64(1_234_567_891 + 77_777_777), "no_liquidity"),
    ],
)
def test_a_vault_that_is_not_the_pools_or_holds_too_little_is_refused(vault: int, offset: int, data: bytes, name: str):
    with refused(name):
        price(patched(PLAIN, STATE.vaults[vault], offset, data))


@pytest.mark.parametrize("address", USED)
def test_an_account_of_another_program_too_short_or_missing_is_refused(address: str):
    account = PLAIN.get(address)
    for new, name in (
        (evolve(account, owner="11111111111111111111111111111111"), "wrong_owner"),
        (evolve(account, data=account.data[:-1]), "short_account"),
        (None, "missing_account"),
    ):
        with refused(name):
            price(evolve(PLAIN, accounts={**PLAIN.accounts, address: new}))


def test_a_config_that_is_none_or_takes_more_than_all_is_refused():
    with refused("wrong_kind"):
        price(patched(PLAIN, STATE.config, 7, b"\0"))
    with refused("fee_rate"):
        price(patched(PLAIN, STATE.config, 12, u64(MILLION + 1)))
    with refused("no_output"):
        price(patched(PLAIN, STATE.config, 12, u64(MILLION)))


def test_a_pool_swaps_from_its_opening_time_on():
    assert price(evolve(PLAIN, now=STATE.open_time))
    with refused("not_open"):
        price(evolve(PLAIN, now=STATE.open_time - 1))


@pytest.mark.parametrize("forward", [True, False])
def test_an_input_that_the_vault_cannot_hold_is_refused(forward: bool):
    vault = STATE.vaults[0 if forward else 1]
    room = U64_MAX - PLAIN.get(vault).unsigned(64, 8)
    assert price(amount_in=room, forward=forward).amount_out > 0
    for too_much in (room + 1, U64_MAX, U64_MAX + 1, 10**30):
        with refused("vault_overflow"):
            price(amount_in=too_much, forward=forward)


@pytest.mark.parametrize("amount_in", [0, -1])
def test_no_input_is_refused(amount_in: int):
    with refused("no_input"):
        price(amount_in=amount_in)


@given(st.tuples(AMOUNTS, AMOUNTS), st.tuples(AMOUNTS, AMOUNTS), st.integers(0, MILLION), st.booleans())
def test_more_in_never_pays_less_and_never_all(
    reserves: tuple[int, int], amounts: tuple[int, int], rate: int, forward: bool
):
    snapshot, paid = pool_with(reserves, rate), [0]
    for amount_in in sorted(amounts):
        assume(reserves[not forward] + amount_in <= U64_MAX)
        priced = unless_refused(partial(price, snapshot, amount_in, forward=forward), "no_output")
        paid.append(priced.amount_out if priced else 0)
    assert paid == sorted(paid)
    assert paid[-1] < reserves[forward]


@given(bent(recording("raydium_cpmm").accounts, USED), AMOUNTS, st.booleans())
def test_bent_accounts_are_refused_or_quoted_but_break_nothing(accounts, amount_in: int, forward: bool):
    snapshot = evolve(PLAIN, accounts=accounts)
    for call in (
        lambda: price(snapshot, amount_in, forward=forward),
        lambda: MARKET.mints(POOL, snapshot),
        lambda: MARKET.accounts(POOL, snapshot, forward=forward),
        lambda: MARKET.terms(POOL, snapshot, price(), forward=forward),
    ):
        try:
            call()
        except Refused:
            continue


def test_a_quote_reads_the_config_and_the_vaults():
    assert MARKET.accounts(POOL, PLAIN, forward=True) == (STATE.config, *STATE.vaults)
    needed = {POOL, *MARKET.accounts(POOL, PLAIN, forward=True)}
    only = evolve(PLAIN, accounts={address: PLAIN.accounts[address] for address in needed})
    assert price(only) == price()


def test_a_pool_that_is_switched_off_still_has_its_mints():
    pool, snapshot = pool_of("raydium_cpmm", "swap_disabled")
    roles = recording("raydium_cpmm").pools["swap_disabled"]
    assert MARKET.mints(pool, snapshot) == (roles["mint0"], roles["mint1"])
    with refused("swaps_disabled"):
        MARKET.price(pool, snapshot, 1_000, forward=True)


@pytest.mark.parametrize("name", recording("raydium_cpmm").pools)
def test_the_terms_are_the_recorded_pools_accounts(name: str):
    pool, snapshot = pool_of("raydium_cpmm", name)
    roles = recording("raydium_cpmm").pools[name]
    *terms, observation = MARKET.terms(pool, snapshot, price(), forward=True)
    assert terms == [roles[role] for role in ("pool", "config", "vault0", "vault1", "mint0", "mint1")]
    assert observation == program_address(quoting.PROGRAM, b"observation", seed(pool))


def test_the_authority_is_the_one_that_the_program_derives():
    assert program_address(quoting.PROGRAM, b"vault_and_lp_mint_auth_seed") == quoting.AUTHORITY


def swap(trader: Trader, amount_in: int = 5, min_out: int = 3, *, forward: bool = True):
    terms = MARKET.terms(POOL, PLAIN, price(), forward=forward)
    (instruction,) = MARKET.swap(terms, trader, amount_in, min_out, forward=forward)
    return instruction


@given(TRADERS, AMOUNTS, AMOUNTS, st.booleans())
def test_a_swap_is_read_back_as_it_was_made(trader: Trader, amount_in: int, min_out: int, forward: bool):
    call = MARKET.read_swap([swap(trader, amount_in, min_out, forward=forward)])
    assert (call.trader, call.pool, call.amount_in, call.min_out) == (trader, POOL, amount_in, min_out)
    assert (call.input_mint, call.output_mint) == (STATE.mints if forward else STATE.mints[::-1])


TRADER = Trader(wallet=STATE.mints[0], source=STATE.mints[1], destination=STATE.observation)


def test_the_instruction_is_the_programs():
    instruction = swap(TRADER, forward=False)
    assert instruction.program == quoting.PROGRAM
    assert instruction.data == hashlib.sha256(b"global:swap_base_input").digest()[:8] + u64(5) + u64(3)
    letters = {(False, False): "-", (True, False): "w", (False, True): "s"}
    assert [(meta.address, letters[meta.writable, meta.signer]) for meta in instruction.accounts] == [
        (TRADER.wallet, "s"),
        (quoting.AUTHORITY, "-"),
        (STATE.config, "-"),
        (POOL, "w"),
        (TRADER.source, "w"),
        (TRADER.destination, "w"),
        (STATE.vaults[1], "w"),
        (STATE.vaults[0], "w"),
        (SPL_TOKEN, "-"),
        (SPL_TOKEN, "-"),
        (STATE.mints[1], "-"),
        (STATE.mints[0], "-"),
        (STATE.observation, "w"),
    ]


CONFIG = 2
"""The config's place: any is read back, since the program itself takes none but the pool's."""


@given(st.integers(0, 12).filter(lambda place: place != CONFIG), ADDRESSES)
def test_another_address_in_a_swap_is_refused_or_shows(place: int, address: str):
    whole = swap(TRADER)
    assume(address != whole.accounts[place].address)
    call = unless_refused(lambda: MARKET.read_swap([with_address(whole, place, address)]), "not_a_swap")
    assert call != MARKET.read_swap([whole])


@given(st.integers(0, 24 * 8 - 1))
def test_another_bit_in_a_swap_is_refused_or_shows(bit: int):
    whole = swap(TRADER)
    data = (int.from_bytes(whole.data, "little") ^ 1 << bit).to_bytes(24, "little")
    call = unless_refused(lambda: MARKET.read_swap([evolve(whole, data=data)]), "not_a_swap")
    assert call != MARKET.read_swap([whole])


def test_what_is_not_one_whole_swap_is_refused():
    whole = swap(TRADER)
    for instructions in (
        [],
        [whole, whole],
        [evolve(whole, program=SPL_TOKEN)],
        [evolve(whole, data=whole.data[:-1])],
        [evolve(whole, data=whole.data + b"\0")],
        [evolve(whole, data=whole.data[:8] + u64(0) + u64(3))],
        [evolve(whole, data=whole.data[:8] + u64(5) + u64(0))],
        [evolve(whole, accounts=whole.accounts[:-1])],
        [evolve(whole, accounts=(*whole.accounts, whole.accounts[0]))],
        [with_address(whole, 3, "no address")],
        [with_address(whole, 10, "no address")],
    ):
        with refused("not_a_swap"):
            MARKET.read_swap(instructions)


def test_terms_that_are_not_a_pools_are_refused():
    terms = MARKET.terms(POOL, PLAIN, price(), forward=True)
    with refused("bad_terms"):
        MARKET.swap(terms[:-1], TRADER, 5, 3, forward=True)
    other = bytes(31) + b"\x01"
    for offset in (72, 104, 168, 200, 296):  # vaults, mints, observation
        with refused("wrong_vault"):
            MARKET.terms(POOL, patched(PLAIN, POOL, offset, other), price(), forward=True)
