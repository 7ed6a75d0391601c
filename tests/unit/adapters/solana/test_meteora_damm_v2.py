"""Meteora DAMM v2: what its pools pay, which are refused, and its swap instruction."""

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
from bestfill_adapters.solana.derive import program_address, token_account
from bestfill_adapters.solana.market import Priced, Trader
from bestfill_adapters.solana.markets.meteora_damm_v2 import MeteoraDammV2
from bestfill_adapters.solana.quoting import meteora_damm_v2 as quoting
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

MARKET = MeteoraDammV2()
POOL, PLAIN = pool_of("meteora_damm_v2", "sol_usdc_25bps")
STATE = quoting.read_pool(PLAIN.get(POOL))
USED = [POOL, *STATE.vaults]
BILLION = 10**9
ONE = 2**64
"""A square root of price 1, in Q64.64."""
TOO_MUCH = ("price_range", "output_overflow", "vault_short")
LIQUIDITIES = st.integers(1, 100).flatmap(lambda bits: st.integers(2 ** (bits - 1), 2**bits))
SQRT_PRICES = st.integers(40, 88).flatmap(lambda bits: st.integers(2 ** (bits - 1), 2**bits))
RATES = st.integers(0, BILLION)


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")


def price(snapshot: Snapshot = PLAIN, amount_in: int = 10**9, *, forward: bool = True) -> Priced:
    return MARKET.price(POOL, snapshot, amount_in, forward=forward)


def pool_with(
    liquidity: int = 10**12 * 2**64,
    sqrt_price: int = ONE,
    fee_rate: int = 2_500_000,
    *,
    fee_on_b: bool = False,
    vaults: tuple[int, int] = (10**18, 10**18),
) -> Snapshot:
    """Give a pool of another price, liquidity and fee, within the widest range."""
    snapshot = patched(PLAIN, POOL, 8, number(fee_rate, 8))
    snapshot = patched(patched(snapshot, POOL, 360, number(liquidity, 16)), POOL, 456, number(sqrt_price, 16))
    snapshot = patched(snapshot, POOL, 484, bytes([fee_on_b]))
    for vault, amount in zip(STATE.vaults, vaults, strict=True):
        snapshot = patched(snapshot, vault, 64, number(amount, 8))
    return snapshot


def test_what_the_program_kept_is_the_protocols_part_of_the_quoted_fee():
    for case in json.loads((DATA / "meteora_damm_v2.json").read_bytes())["cases"]:
        if "amount_out" in case:
            pool, snapshot = pool_of("meteora_damm_v2", case["pool"])
            fee = MARKET.price(pool, snapshot, case["amount_in"], forward=case["forward"]).fee
            assert fee * snapshot.get(pool).unsigned(48, 1) // 100 == case["protocol_fee"]


@pytest.mark.parametrize(
    ("forward", "fee_on_b", "fee_on_output"),
    [(True, False, True), (False, False, True), (True, True, True), (False, True, False)],
)
def test_the_fee_is_on_the_output_or_always_on_b(forward: bool, fee_on_b: bool, fee_on_output: bool):
    priced = price(pool_with(fee_on_b=fee_on_b), 1_000_001, forward=forward)
    assert priced.fee_on_output == fee_on_output
    # At price 1 and so little, nothing but a unit of rounding and the fee of 0.25 %, rounded up, is lost.
    assert priced.fee == (2_500 if fee_on_output else 2_501)
    assert priced.amount_out == (999_999 - 2_500 if fee_on_output else 997_500 - 1)


def test_every_rounding_is_in_the_pools_favour():
    # L = 10 at price 1: 3 of A take the price's root to 10/13, so 10 · 3/13 = 2.3 of B come out.
    snapshot = pool_with(10 * ONE, fee_rate=1)
    assert price(snapshot, 3) == Priced(amount_out=1, fee=1, fee_on_output=True, fee_bps=5_000, price_impact_bps=3_334)
    assert price(snapshot, 3, forward=False) == price(snapshot, 3)
    # Of 4 of B, 1 is the fee; the rest goes the same way.
    assert price(pool_with(10 * ONE, fee_rate=1, fee_on_b=True), 4, forward=False) == Priced(
        amount_out=2, fee=1, fee_bps=2_500, price_impact_bps=3_334
    )


@given(LIQUIDITIES, SQRT_PRICES, AMOUNTS, RATES, st.booleans(), st.booleans())
def test_fee_and_price_impact_are_told_in_basis_points_rounded_up(
    liquidity: int, sqrt_price: int, amount_in: int, rate: int, fee_on_b: bool, forward: bool
):
    assume(amount_in <= U64_MAX - 10**18)
    snapshot = pool_with(liquidity, sqrt_price, rate, fee_on_b=fee_on_b)
    priced = unless_refused(lambda: price(snapshot, amount_in, forward=forward), *TOO_MUCH)
    if priced is None:
        return
    gross = priced.amount_out + priced.fee * priced.fee_on_output
    net = amount_in - priced.fee * (not priced.fee_on_output)
    before = Fraction(sqrt_price, ONE) ** 2
    taken_from = gross if priced.fee_on_output else amount_in
    assert priced.fee_bps == (ceil(Fraction(priced.fee, taken_from) * 10_000) if taken_from else 0)
    lost = 1 - Fraction(gross, net) / (before if forward else 1 / before) if net else 0
    assert priced.price_impact_bps == ceil(lost * 10_000)
    assert 0 <= priced.price_impact_bps <= 10_000


def test_so_little_that_nothing_comes_out_is_quoted_as_nothing():
    assert price(amount_in=1).amount_out == 0
    # All of the input is the fee, and the price does not move.
    assert price(pool_with(fee_on_b=True), 1, forward=False) == Priced(
        amount_out=0, fee=1, fee_bps=10_000, price_impact_bps=0
    )


@pytest.mark.parametrize(
    ("offset", "data", "name"),
    [
        (0, b"\0", "wrong_kind"),
        (16, b"\x01", "fee_schedule"),
        (22, b"\x01", "fee_schedule"),
        (23, b"\x01", "fee_schedule"),
        (24, b"\x01", "fee_schedule"),
        (31, b"\x01", "fee_schedule"),
        (32, b"\x01", "fee_schedule"),
        (39, b"\x01", "fee_schedule"),
        (54, b"\x01", "fee_mode"),
        (55, b"\x01", "fee_mode"),
        (484, b"\x02", "fee_mode"),
        (481, b"\x01", "pool_disabled"),
        (482, b"\x01", "token_program"),
        (483, b"\x01", "token_program"),
        (486, b"\x02", "fee_version"),
        (480, b"\x02", "unknown_kind"),
        (485, b"\x02", "unknown_kind"),
        (56, b"\x02", "dynamic_fee"),
        (360, bytes(16), "no_liquidity"),
        (424, bytes(16), "price_range"),
        (424, number(STATE.sqrt_price + 1, 16), "price_range"),
        (440, number(STATE.sqrt_price - 1, 16), "price_range"),
        (456, bytes(16), "price_range"),
        (168, b"\x01", "wrong_mint"),
        (200, b"\x02", "wrong_mint"),
        (232, b"\x01", "missing_account"),
        (264, b"\x01", "missing_account"),
    ],
)
def test_a_pool_that_is_not_understood_or_cannot_swap_is_refused_by_name(offset: int, data: bytes, name: str):
    with refused(name):
        price(patched(PLAIN, POOL, offset, data))


@pytest.mark.parametrize("vault", [0, 1])
@pytest.mark.parametrize(
    ("offset", "data", "name"),
    [(0, b"\x01", "wrong_mint"), (32, b"\x01", "wrong_vault"), (108, b"\x02", "vault_frozen")],
)
def test_a_vault_that_is_not_the_pools_is_refused(vault: int, offset: int, data: bytes, name: str):
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


@pytest.mark.parametrize(("kind", "clock"), [(0, "slot"), (1, "now")])
def test_a_pool_swaps_from_its_slot_or_second_on(kind: int, clock: str):
    # The other clock is far on the other side, so that it can't be the one that counts.
    snapshot = patched(patched(PLAIN, POOL, 472, number(10**6, 8)), POOL, 480, bytes([kind]))
    early, late = evolve(snapshot, slot=0, now=0), evolve(snapshot, slot=10**9, now=10**9)
    assert price(evolve(early, **{clock: 10**6}))
    with refused("not_open"):
        price(evolve(late, **{clock: 10**6 - 1}))


@pytest.mark.parametrize("forward", [True, False])
def test_an_input_that_the_vault_cannot_hold_is_refused(forward: bool):
    snapshot = pool_with(2**127, vaults=(U64_MAX - 10**9, U64_MAX - 10**9))
    assert price(snapshot, 10**9, forward=forward).amount_out > 0
    for too_much in (10**9 + 1, U64_MAX, U64_MAX + 1, 10**30):
        with refused("vault_overflow"):
            price(snapshot, too_much, forward=forward)


@pytest.mark.parametrize("amount_in", [0, -1])
def test_no_input_is_refused(amount_in: int):
    with refused("no_input"):
        price(amount_in=amount_in)


@pytest.mark.parametrize("forward", [True, False])
def test_a_vault_that_holds_less_than_would_be_paid_is_refused(forward: bool):
    paid = price(pool_with(), forward=forward).amount_out
    assert price(pool_with(vaults=(paid, paid)), forward=forward).amount_out == paid
    with refused("vault_short"):
        price(pool_with(vaults=(paid - 1, paid - 1)), forward=forward)


def test_an_output_above_u64_is_refused_even_if_the_fee_would_bring_it_below():
    # A costs almost 2⁶⁰ of B each, and half of what comes out is the fee.
    high = pool_with(2**127, 2**94 - 1, 500_000_000, vaults=(0, U64_MAX))
    assert price(high, 2**4 - 1).amount_out * 2 < U64_MAX
    with refused("output_overflow"):
        price(high, 2**4 + 1)


@pytest.mark.parametrize("forward", [True, False])
def test_the_price_may_reach_the_end_of_its_range_but_not_pass_it(forward: bool):
    snapshot, amount_in = pool_with(), 10**9
    shift = ceil(Fraction(10**12 * ONE, 10**12 + amount_in)) if forward else ONE + amount_in * ONE // 10**12
    offset, beyond = (424, 1) if forward else (440, -1)
    assert price(patched(snapshot, POOL, offset, number(shift, 16)), forward=forward).amount_out > 0
    with refused("price_range"):
        price(patched(snapshot, POOL, offset, number(shift + beyond, 16)), forward=forward)


def dynamic(accumulator: int, control: int, bin_step: int, fee_rate: int = 0) -> Snapshot:
    snapshot = patched(pool_with(fee_rate=fee_rate), POOL, 56, b"\x01")
    snapshot = patched(snapshot, POOL, 68, number(control, 4) + number(bin_step, 2))
    return patched(snapshot, POOL, 120, number(accumulator, 16))


def test_volatility_adds_to_the_fee_rounded_up_if_the_pool_has_a_dynamic_fee():
    def rate(snapshot: Snapshot) -> int:
        return quoting.read_pool(snapshot.get(POOL)).fee_rate

    assert rate(dynamic(10**6, 10**5, 1, 7)) == 7 + 10**6
    assert rate(dynamic(10**6, 10**5 + 1, 1, 7)) == 7 + 10**6 + 10
    assert rate(dynamic(10**4, 10**3 + 1, 1, 7)) == 7 + 2  # 1.001 of a billion
    assert rate(patched(dynamic(10**6, 10**5, 1, 7), POOL, 56, b"\0")) == 7
    assert rate(dynamic(2**46, 1, 1)) == 990_000_000  # by far more
    more = ceil(Fraction(2**92, 10**11))
    assert rate(dynamic(2**46, 1, 1, U64_MAX - more)) == 990_000_000
    # The whole is more than 64 bits, or what it is made from more than 128.
    too_much = dynamic(2**46, 1, 1, U64_MAX - more + 1), dynamic(2**60, 1, 1)
    for snapshot in (*too_much, dynamic(2**64, 0, 1), dynamic(2**63, 4, 1), dynamic(2**127, 1, 2)):
        with refused("dynamic_fee"):
            rate(snapshot)


@pytest.mark.parametrize(("version", "most"), [(0, 500_000_000), (1, 990_000_000)])
def test_the_fee_is_capped_as_its_version_has_it(version: int, most: int):
    gross = price(pool_with(fee_rate=0)).amount_out
    for rate in (most - 1, most, most + 1, U64_MAX):
        snapshot = patched(pool_with(fee_rate=rate), POOL, 486, bytes([version]))
        assert price(snapshot).fee == ceil(Fraction(gross * min(rate, most), BILLION))


@given(LIQUIDITIES, SQRT_PRICES, st.tuples(AMOUNTS, AMOUNTS), RATES, st.booleans(), st.booleans())
def test_more_in_never_pays_less_and_never_more_than_there_is(
    liquidity: int, sqrt_price: int, amounts: tuple[int, int], rate: int, fee_on_b: bool, forward: bool
):
    # What liquidity from the lowest to the highest price holds of each side; the vault has that, and no more.
    held = [
        min(10**18, liquidity * (b - a) // (a * b) if side == 0 else liquidity * (b - a) // ONE**2)
        for side, (a, b) in enumerate(((sqrt_price, STATE.sqrt_max), (STATE.sqrt_min, sqrt_price)))
    ]
    snapshot, paid = pool_with(liquidity, sqrt_price, rate, fee_on_b=fee_on_b), [0]
    for amount_in in sorted(amounts):
        assume(amount_in <= U64_MAX - 10**18)
        priced = unless_refused(partial(price, snapshot, amount_in, forward=forward), *TOO_MUCH)
        if priced is None:
            break
        paid.append(priced.amount_out)
    assert paid == sorted(paid)
    assert paid[-1] <= held[forward]


@given(bent(recording("meteora_damm_v2").accounts, USED), AMOUNTS, st.booleans())
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


def test_a_quote_reads_the_vaults():
    assert MARKET.accounts(POOL, PLAIN, forward=True) == STATE.vaults
    only = evolve(PLAIN, accounts={address: PLAIN.accounts[address] for address in USED})
    assert price(only) == price()


def test_a_pool_that_is_switched_off_still_has_its_mints():
    pool, snapshot = pool_of("meteora_damm_v2", "disabled")
    roles = recording("meteora_damm_v2").pools["disabled"]
    assert MARKET.mints(pool, snapshot) == (roles["mint_a"], roles["mint_b"])


@pytest.mark.parametrize("name", recording("meteora_damm_v2").pools)
def test_the_terms_are_the_recorded_pools_accounts(name: str):
    pool, snapshot = pool_of("meteora_damm_v2", name)
    roles = recording("meteora_damm_v2").pools[name]
    expected = tuple(roles[role] for role in ("pool", "vault_a", "vault_b", "mint_a", "mint_b"))
    assert MARKET.terms(pool, snapshot, price(), forward=True) == expected


def swap(trader: Trader, amount_in: int = 5, min_out: int = 3, *, forward: bool = True):
    terms = MARKET.terms(POOL, PLAIN, price(), forward=forward)
    (instruction,) = MARKET.swap(terms, trader, amount_in, min_out, forward=forward)
    return instruction


def trader_of(wallet: str, *, forward: bool) -> Trader:
    """Give a wallet with its own token accounts, as they really are used."""
    accounts = [token_account(wallet, mint) for mint in STATE.mints]
    return Trader(wallet=wallet, source=accounts[not forward], destination=accounts[forward])


@given(TRADERS, AMOUNTS, AMOUNTS, st.booleans())
def test_a_swap_is_read_back_as_it_was_made(trader: Trader, amount_in: int, min_out: int, forward: bool):
    call = MARKET.read_swap([swap(trader, amount_in, min_out, forward=forward)])
    assert (call.trader, call.pool, call.amount_in, call.min_out) == (trader, POOL, amount_in, min_out)


@given(ADDRESSES, st.booleans())
def test_the_wallets_own_accounts_tell_which_mint_goes_in(wallet: str, forward: bool):
    call = MARKET.read_swap([swap(trader_of(wallet, forward=forward), forward=forward)])
    assert (call.input_mint, call.output_mint) == (STATE.mints if forward else STATE.mints[::-1])


TRADER = trader_of(STATE.mints[0], forward=True)


def test_the_instruction_is_the_programs():
    instruction = swap(TRADER)
    assert instruction.program == quoting.PROGRAM
    assert instruction.data == hashlib.sha256(b"global:swap").digest()[:8] + number(5, 8) + number(3, 8)
    letters = {(False, False): "-", (True, False): "w", (False, True): "s"}
    assert [(meta.address, letters[meta.writable, meta.signer]) for meta in instruction.accounts] == [
        (quoting.AUTHORITY, "-"),
        (POOL, "w"),
        (TRADER.source, "w"),
        (TRADER.destination, "w"),
        (STATE.vaults[0], "w"),
        (STATE.vaults[1], "w"),
        (STATE.mints[0], "-"),
        (STATE.mints[1], "-"),
        (TRADER.wallet, "s"),
        (SPL_TOKEN, "-"),
        (SPL_TOKEN, "-"),
        (quoting.PROGRAM, "-"),
        (program_address(quoting.PROGRAM, b"__event_authority"), "-"),
        (quoting.PROGRAM, "-"),
    ]


def test_the_authority_is_the_one_that_the_program_derives():
    assert program_address(quoting.PROGRAM, b"pool_authority") == quoting.AUTHORITY


@given(st.integers(0, 13), ADDRESSES)
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
        [evolve(whole, data=whole.data[:8] + number(0, 8) + number(3, 8))],
        [evolve(whole, data=whole.data[:8] + number(5, 8) + number(0, 8))],
        [evolve(whole, accounts=whole.accounts[:-1])],
        [evolve(whole, accounts=(*whole.accounts, whole.accounts[0]))],
        [with_address(whole, 1, "no address")],
        [with_address(whole, 7, "no address")],
        [with_address(whole, 8, "no address")],
    ):
        with refused("not_a_swap"):
            MARKET.read_swap(instructions)


def test_terms_that_are_not_a_pools_are_refused():
    terms = MARKET.terms(POOL, PLAIN, price(), forward=True)
    with refused("bad_terms"):
        MARKET.swap(terms[:-1], TRADER, 5, 3, forward=True)
    for offset in (168, 200, 232, 264):  # mints, vaults
        with refused("wrong_vault"):
            MARKET.terms(POOL, patched(PLAIN, POOL, offset, bytes(31) + b"\x01"), price(), forward=True)
