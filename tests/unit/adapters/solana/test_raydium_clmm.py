"""Raydium CLMM: what its pools pay, which are refused, and its swap instruction."""

import hashlib
import json
import struct
from collections.abc import Mapping
from itertools import pairwise
from math import isqrt

import pytest
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bestfill.errors import ExecutionError
from bestfill.units import U64_MAX
from bestfill_adapters.solana.account import SPL_TOKEN, Account, Refused, Snapshot
from bestfill_adapters.solana.derive import program_address, seed
from bestfill_adapters.solana.frame import NATIVE_MINT, build
from bestfill_adapters.solana.market import Instruction, Priced, SwapCall, Trader
from bestfill_adapters.solana.markets.raydium_clmm import MOST_ARRAYS, MOST_TICKS, TOKEN_2022, RaydiumClmm
from bestfill_adapters.solana.quoting import raydium_clmm as quoting
from bestfill_adapters.solana.quoting.ticks import MOST_TICK, sqrt_price_at
from tests.unit.adapters.solana.recorded import (
    ADDRESSES,
    AMOUNTS,
    DATA,
    TRADERS,
    bent,
    longest_plan,
    patched,
    pool_of,
    recording,
    refused,
    unless_refused,
    with_address,
)

MARKET = RaydiumClmm()
M, Q = 10**6, 2**64
POOL, PLAIN = pool_of("raydium_clmm", "on_tick_25bps_s60")
STATE = quoting.read_pool(PLAIN.get(POOL))
ROLES = recording("raydium_clmm").pools["on_tick_25bps_s60"]
EXTENSION = str(ROLES["bitmap_extension"])
ARRAY = str(ROLES["tick_arrays"]["0"])
USED = [POOL, STATE.config, *STATE.vaults, ARRAY]
RATE = quoting.trade_rate(PLAIN.get(STATE.config))


def array_at(start: int) -> str:
    return program_address(quoting.PROGRAM, b"tick_array", seed(POOL), start.to_bytes(4, "big", signed=True))


def price(snapshot: Snapshot = PLAIN, amount_in: int = 10**6, *, forward: bool = True) -> Priced:
    return MARKET.price(POOL, snapshot, amount_in, forward=forward)


def answer(snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced | str:
    """Give the price, or the name of its refusal."""
    try:
        return price(snapshot, amount_in, forward=forward)
    except Refused as refusal:
        return refusal.name


def with_ticks(
    ticks: Mapping[int, int], liquidity: int, sqrt_price: int, tick: int, spacing: int = 10, snapshot: Snapshot = PLAIN
) -> Snapshot:
    """Give the pool these ticks, with the liquidity that each adds from left to right, and no others."""
    accounts, bitmap, span = dict(snapshot.accounts), 0, 60 * spacing
    for start in {at // span * span for at in ticks}:
        bitmap |= 1 << start // span + 512
        data = bytearray(10_240)
        data[:8] = hashlib.sha256(b"account:TickArrayState").digest()[:8]
        struct.pack_into("<32si", data, 8, seed(POOL), start)
        for at, net in ticks.items():
            if at // span * span == start:
                place = 44 + (at - start) // spacing * 168
                struct.pack_into("<i", data, place, at)
                data[place + 4 : place + 20] = net.to_bytes(16, "little", signed=True)
                data[place + 20 : place + 36] = (abs(net) or 1).to_bytes(16, "little")
        accounts[array_at(start)] = Account(quoting.PROGRAM, bytes(data))
    snapshot = patched(evolve(snapshot, accounts=accounts), POOL, 904, bitmap.to_bytes(128, "little"))
    fields = spacing.to_bytes(2, "little") + liquidity.to_bytes(16, "little") + sqrt_price.to_bytes(16, "little")
    snapshot = patched(snapshot, POOL, 235, fields + tick.to_bytes(4, "little", signed=True))
    return with_vaults(snapshot, 2**63 - 1, 2**63 - 1)


def with_vaults(snapshot: Snapshot, first: int, second: int) -> Snapshot:
    for vault, amount in zip(STATE.vaults, (first, second), strict=True):
        snapshot = patched(snapshot, vault, 64, amount.to_bytes(8, "little"))
    return snapshot


def test_every_recorded_swap_is_priced_alike_from_the_addresses_that_the_pool_itself_names():
    for case in recording("raydium_clmm").cases:
        pool, snapshot = pool_of("raydium_clmm", case.pool)
        priced = unless_refused(
            lambda: MARKET.price(pool, snapshot, case.amount_in, forward=case.forward),  # noqa: B023 - called at once
            "no_input", "no_output", "no_liquidity", "swaps_disabled",
        )  # fmt: skip
        if priced is None:
            assert case.amount_out is None
            continue
        assert (priced.amount_out, priced.fee) == (case.amount_out, case.fee)
        terms = MARKET.terms(pool, snapshot, priced, forward=case.forward)
        roles = recording("raydium_clmm").pools[case.pool]
        stored = roles["tick_arrays"]
        assert terms[7] == roles["bitmap_extension"]
        assert terms[8 : 8 + len(priced.arrays)] == tuple(stored[str(start)] for start in priced.arrays)


def test_recorded_swaps_leave_the_price_where_the_program_left_it():
    for case in json.loads((DATA / "raydium_clmm.json").read_bytes())["cases"]:
        if "amount_out" not in case:
            continue
        pool, snapshot = pool_of("raydium_clmm", case["pool"])
        roles, state = recording("raydium_clmm").pools[case["pool"]], quoting.read_pool(snapshot.get(pool))
        arrays = {int(start): address for start, address in roles["tick_arrays"].items()}
        rate = quoting.trade_rate(snapshot.get(state.config))
        done = quoting.swapped(pool, state, snapshot, case["amount_in"], arrays, rate, forward=case["forward"])
        assert done.sqrt_price == case["sqrt_price_after"]
        assert sqrt_price_at(case["tick_after"]) <= done.sqrt_price <= sqrt_price_at(case["tick_after"] + 1)


def test_the_price_of_a_tick_is_a_power_of_its_base():
    for tick in (0, 1, -1, 60, -7_777, 443_636, -443_636, *(2**k for k in range(19)), *(-(2**k) for k in range(19))):
        exact = isqrt(10_001 ** abs(tick) * Q**2 // 10_000 ** abs(tick)) if abs(tick) < 5_000 else None
        if exact is not None and tick >= 0:
            assert abs(sqrt_price_at(tick) - exact) <= exact >> 40
        assert abs(sqrt_price_at(tick) * sqrt_price_at(-tick) - Q**2) <= Q**2 >> 30
    # The program's own ends of all prices.
    assert (sqrt_price_at(-MOST_TICK), sqrt_price_at(MOST_TICK)) == (
        4_295_048_016,
        79_226_673_521_066_979_257_578_248_091,
    )


def reference(
    ticks: Mapping[int, int], start: tuple[int, int, int], rate: int, amount_in: int, *, forward: bool
) -> Priced | str:
    """Swap by the rules, tick by tick, with none of the code's shortcuts; `start`: liquidity, price, tick."""
    liquidity, s, tick = start
    left, out, fees = amount_in, 0, 0
    for at in sorted((t for t in ticks if (t <= tick if forward else t > tick)), reverse=forward):
        g = sqrt_price_at(at)
        net = left * (M - rate) // M
        need = cost(liquidity, s, g, forward=forward)
        if need > U64_MAX or too_wide(liquidity, s, g, forward=forward):
            return "amount_overflow"
        if net >= need:
            end = g
        else:
            end = -(-liquidity * Q * s // (liquidity * Q + net * s)) if forward else s + net * Q // liquidity
            need = cost(liquidity, s, end, forward=forward)
        got = liquidity * abs(s - end) // Q if forward else liquidity * Q * abs(s - end) // (s * end)
        if got > U64_MAX or too_wide(liquidity, s, end, forward=not forward):
            return "amount_overflow"
        fee = -(-need * rate // (M - rate)) if end == g else left - need
        left, out, fees, s = left - need - fee, out + got, fees + fee, end
        if not left:
            return Priced(amount_out=out, fee=fees, fee_bps=-(-fees * 10_000 // amount_in), price_impact_bps=0)
        liquidity += -ticks[at] if forward else ticks[at]
    return "no_liquidity"


def too_wide(liquidity: int, s: int, end: int, *, forward: bool) -> bool:
    """Say whether an amount of token 0 would be computed from a number that the program has no room for."""
    return forward and liquidity * Q * abs(s - end) // max(s, end) >= 2**128 - 1


def cost(liquidity: int, s: int, end: int, *, forward: bool) -> int:
    if forward:
        return -(-liquidity * Q * (s - end) // (s * end))
    return -(-liquidity * (end - s) // Q)


@st.composite
def pools(draw: st.DrawFn) -> tuple[dict[int, int], tuple[int, int, int], int]:
    """Give ticks, what the pool starts from (liquidity, price, tick), and the spacing; positions may leave gaps."""
    spacing = draw(st.sampled_from([1, 10, 60]))
    edges = st.integers(-150, 150).map(lambda n: n * spacing)
    size = st.integers(1, 75).flatmap(lambda bits: st.integers(2 ** (bits - 1), 2**bits - 1))
    positions = draw(st.lists(st.tuples(edges, edges, size).filter(lambda p: p[0] != p[1]), min_size=1, max_size=5))
    ticks = dict[int, int]()
    for one, other, liquidity in positions:
        low, high = sorted((one, other))
        ticks[low] = ticks.get(low, 0) + liquidity
        ticks[high] = ticks.get(high, 0) - liquidity
    tick = draw(st.one_of(st.sampled_from([*ticks]), st.integers(-150 * spacing, 150 * spacing)))
    low, high = sqrt_price_at(tick), sqrt_price_at(tick + 1)
    # Exactly on a tick, within, or exactly on the next one, having come down to it.
    sqrt_price = draw(st.one_of(st.just(low), st.integers(low, high - 1), st.just(high)))
    liquidity = sum(net for at, net in ticks.items() if at <= tick)
    return ticks, (liquidity, sqrt_price, tick), spacing


@settings(max_examples=200)
@given(pools(), st.sampled_from([0, 1, 100, 2_500, 10_000, 999_999]), AMOUNTS, st.booleans())
def test_any_pool_pays_what_the_rules_say_tick_by_tick(pool, rate: int, amount_in: int, forward: bool):
    ticks, start, spacing = pool
    snapshot = patched(with_ticks(ticks, *start, spacing), STATE.config, 47, rate.to_bytes(4, "little"))
    snapshot = with_vaults(snapshot, *((U64_MAX - amount_in, U64_MAX) if forward else (U64_MAX, U64_MAX - amount_in)))
    expected, found = (
        reference(ticks, start, rate, amount_in, forward=forward),
        answer(snapshot, amount_in, forward=forward),
    )
    if isinstance(expected, Priced) and not 0 < expected.amount_out <= U64_MAX:
        expected = "output_overflow" if expected.amount_out else "no_output"
    elif isinstance(found, Priced):
        assert len(set(found.arrays)) == len(found.arrays)
        found = evolve(found, arrays=(), price_impact_bps=0)
    assert found == expected


@settings(max_examples=60)
@given(pools(), st.lists(AMOUNTS, min_size=2, max_size=5), st.booleans())
def test_more_in_never_pays_less_and_never_more_than_the_vault_holds(pool, amounts: list[int], forward: bool):
    ticks, start, spacing = pool
    snapshot, paid = with_ticks(ticks, *start, spacing), list[int]()
    snapshot = with_vaults(snapshot, *((0, 2**62) if forward else (2**62, 0)))
    for amount_in in sorted(amounts):
        found = answer(snapshot, amount_in, forward=forward)
        if isinstance(found, Priced):
            paid.append(found.amount_out)
        else:
            assert found in {"no_output", "no_liquidity", "amount_overflow", "output_overflow", "vault_short"}
    assert paid == sorted(paid)
    assert max(paid, default=0) <= 2**62


@given(bent(recording("raydium_clmm").accounts, [*USED, EXTENSION]), AMOUNTS, st.booleans())
def test_bent_accounts_are_refused_or_quoted_but_break_nothing(accounts, amount_in: int, forward: bool):
    snapshot = evolve(PLAIN, accounts=accounts)
    for call in (
        lambda: price(snapshot, amount_in, forward=forward),
        lambda: MARKET.mints(POOL, snapshot),
        lambda: MARKET.accounts(POOL, snapshot, forward=forward),
        lambda: MARKET.terms(POOL, snapshot, price(forward=forward), forward=forward),
    ):
        try:
            call()
        except Refused:
            continue


@pytest.mark.parametrize(
    ("offset", "data", "name"),
    [
        (0, b"\0", "wrong_kind"),
        (389, b"\x10", "swaps_disabled"),
        (389, b"\xff", "swaps_disabled"),
        (390, b"\x01", "fee_on"),
        (1096, b"\x01", "dynamic_fee"),
        (1175, b"\x01", "dynamic_fee"),
        (235, b"\0\0", "tick_spacing"),
        (253, bytes(16), "price_range"),
        (253, b"\xff" * 16, "price_range"),
        (269, (443_637).to_bytes(4, "little"), "price_range"),
        (269, (-443_638).to_bytes(4, "little", signed=True), "price_range"),
        (9, b"\x01", "missing_account"),
        (73, b"\x01", "wrong_mint"),
        (105, b"\x01", "wrong_mint"),
        (137, b"\x01", "missing_account"),
        (169, b"\x01", "missing_account"),
        (904, bytes(128), "no_liquidity"),
        (904, b"\xff" * 128, "missing_account"),
    ],
)
def test_a_pool_that_is_not_understood_or_cannot_swap_is_refused_by_name(offset: int, data: bytes, name: str):
    with refused(name):
        price(patched(PLAIN, POOL, offset, data), 10**18)


def test_a_pool_beyond_its_own_bitmap_is_refused():
    tick = 512 * 60
    snapshot = with_ticks({0: 10**9}, 10**9, sqrt_price_at(tick), tick, spacing=1)
    with refused("bitmap_extension"):
        price(snapshot)
    with refused("bitmap_extension"):
        price(with_ticks({0: 10**9}, 10**9, sqrt_price_at(-tick - 1), -tick - 1, spacing=1), forward=False)


def test_a_pool_in_the_array_that_begins_below_all_ticks_is_refused_as_its_program_does():
    ticks, first = {-439_200: 4, -432_840: -4}, -439_200  # of the array before, a part is below all ticks
    assert price(with_ticks(ticks, 4, sqrt_price_at(first), first, spacing=120), 2, forward=False).amount_out > 0
    below = with_ticks(ticks, 0, sqrt_price_at(first - 1), first - 1, spacing=120)
    assert answer(below, 2, forward=False) == "bitmap_extension"


@pytest.mark.parametrize("switched_off", [0x01, 0x0F, 0x20, 0xEF])
def test_a_pool_of_which_other_things_are_switched_off_still_swaps(switched_off: int):
    assert price(patched(PLAIN, POOL, 389, bytes([switched_off]))) == price()


def test_a_pool_swaps_only_after_its_opening_time():
    snapshot = patched(PLAIN, POOL, 1080, (10**9).to_bytes(8, "little"))
    assert price(evolve(snapshot, now=10**9 + 1))
    with refused("not_open"):
        price(evolve(snapshot, now=10**9))


def test_a_config_that_is_none_or_takes_all_is_refused():
    with refused("wrong_kind"):
        price(patched(PLAIN, STATE.config, 7, b"\0"))
    with refused("fee_rate"):
        price(patched(PLAIN, STATE.config, 47, M.to_bytes(4, "little")))
    with refused("no_output"):
        price(patched(PLAIN, STATE.config, 47, (M - 1).to_bytes(4, "little")), 10)


@pytest.mark.parametrize(
    ("offset", "data", "name"),
    [(0, b"\0", "wrong_kind"), (8, b"\0", "wrong_array"), (40, b"\x01", "wrong_array")],
)
def test_an_array_that_is_not_the_one_asked_for_is_refused(offset: int, data: bytes, name: str):
    with refused(name):
        price(patched(PLAIN, ARRAY, offset, data))


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


WIDE = {-300: 10**12, 0: 10**12, 20: -(10**12), 300: -(10**12)}
"""Two positions, of which one is all around the price, at tick 10."""


def wide(spacing: int = 10) -> Snapshot:
    return with_ticks(WIDE, 2 * 10**12, sqrt_price_at(10), 10, spacing)


@pytest.mark.parametrize("offset", [124, 131, 132, 139])
@pytest.mark.parametrize(("slot", "forward"), [(0, True), (1, True), (2, False), (15, False)])
def test_a_tick_with_limit_orders_on_the_way_is_refused_but_not_elsewhere(offset: int, slot: int, forward: bool):
    snapshot = patched(wide(), array_at(0), 44 + slot * 168 + offset, b"\x01")
    assert answer(snapshot, 10**12, forward=forward) == "limit_orders"
    assert answer(snapshot, 10**6, forward=not forward) == answer(wide(), 10**6, forward=not forward)


def test_ticks_that_are_not_where_they_should_be_are_refused():
    with refused("wrong_tick"):
        price(patched(wide(), array_at(0), 44, (10).to_bytes(4, "little")), 10**12)
    # The tick says that the price is above another tick than it is.
    with refused("wrong_tick"):
        price(with_ticks(WIDE, 2 * 10**12, sqrt_price_at(-10), 10))
    with refused("wrong_tick"):
        price(with_ticks(WIDE, 2 * 10**12, sqrt_price_at(30), 10), forward=False)


def test_a_tick_beyond_all_prices_is_refused():
    snapshot = with_ticks({0: 10**6, 443_640: -(10**6)}, 10**6, sqrt_price_at(443_580), 443_580, spacing=60)
    assert answer(snapshot, 10**6, forward=False) == "wrong_tick"


@pytest.mark.parametrize("tick", [-20_000, 20_000])
@pytest.mark.parametrize("forward", [True, False])
def test_price_impact_counts_from_the_pools_price_wherever_it_is(tick: int, forward: bool):
    ticks = {tick - 600: 10**18, tick + 600: -(10**18)}
    snapshot = with_ticks(ticks, 10**18, sqrt_price_at(tick), tick)
    assert price(snapshot, 10**9, forward=forward).price_impact_bps == 1


@pytest.mark.parametrize("liquidity", [1, 2**127 - 1])
def test_liquidity_that_does_not_add_up_is_refused(liquidity: int):
    way_up = liquidity != 1
    ticks = {-300: 10**9, 0: 10**12, 20: liquidity if way_up else -(10**12), 300: -1}
    start = 2**128 - 2**80 if way_up else 1
    snapshot = with_ticks(ticks, start, sqrt_price_at(20), 19 if way_up else 10)
    assert answer(snapshot, 10**9, forward=not way_up) == "wrong_liquidity"


def test_a_swap_that_ends_just_on_a_tick_crosses_it():
    liquidity = 10**12 - 1  # less than tick 0 takes away
    snapshot = with_ticks(WIDE, liquidity, sqrt_price_at(10), 10)
    need = cost(liquidity, sqrt_price_at(10), sqrt_price_at(0), forward=True)
    just = need - (-need * RATE // (M - RATE))
    assert price(snapshot, just - 1).amount_out > 0
    assert answer(snapshot, just, forward=True) == "wrong_liquidity"


def test_no_tick_of_a_pools_own_bitmap_is_at_the_end_of_all_prices():
    """A swap that came there would stop with a part of its input unspent, and must have been refused."""
    assert not [spacing for spacing in range(1, 2**16) if 60 * 512 * spacing > MOST_TICK and MOST_TICK % spacing == 0]


@pytest.mark.parametrize("forward", [True, False])
def test_a_way_to_the_next_tick_that_moves_more_than_the_program_can_count_is_refused(forward: bool):
    low, high = sqrt_price_at(0), sqrt_price_at(600)

    def deep(liquidity: int) -> tuple[int, int, int]:
        return quoting.step(*((high, low) if forward else (low, high)), liquidity, 1, forward=forward)

    # Of token 1, more is on this way than of token 0: it overflows first, as input or as output.
    most = U64_MAX * Q // (high - low)
    assert deep(most)[1] <= 1
    with refused("amount_overflow"):
        deep(most * 21 // 20)


@pytest.mark.parametrize("forward", [True, False])
def test_an_amount_of_token_0_that_is_computed_from_more_than_128_bits_is_refused(forward: bool):
    low, high = sqrt_price_at(200_000), sqrt_price_at(200_600)
    most = (2**128 - 1) * high // (Q * (high - low))
    assert cost(most, high, low, forward=True) < U64_MAX // 2
    ways = (high, low) if forward else (low, high)
    # To spend a single unit needs no such number, but the program first asks what the whole way costs.
    if forward:
        assert quoting.step(*ways, most, 1, forward=True)[1] == 1
    with refused("amount_overflow"):
        quoting.step(*ways, most + most // 10**6, 1, forward=forward)


def test_a_cost_in_token_0_is_rounded_up_wherever_it_has_a_remainder():
    # Of 2⁶⁴ · 2 / 3 the remainder is all that is left after dividing by the lower price, 1.
    assert quoting.step(3, 1, 1, U64_MAX, forward=True) == (1, 2 * Q // 3 + 1, 0)


def test_an_array_that_should_have_ticks_but_has_none_is_refused():
    snapshot = with_ticks({-1_200: 10**12, 0: 10**12, 300: -(2 * 10**12)}, 2 * 10**12, sqrt_price_at(10), 10)
    assert answer(snapshot, 10**11, forward=True) != "empty_array"
    empty = Account(quoting.PROGRAM, snapshot.get(array_at(-1_200)).data[:44] + bytes(10_196))
    snapshot = evolve(snapshot, accounts={**snapshot.accounts, array_at(-1_200): empty})
    assert answer(snapshot, 10**15, forward=True) == "empty_array"


@pytest.mark.parametrize("forward", [True, False])
def test_what_the_vaults_cannot_take_or_pay_is_refused(forward: bool):
    out = price(wide(), forward=forward).amount_out

    def holding(take: int, pay: int) -> Snapshot:
        return with_vaults(wide(), *((take, pay) if forward else (pay, take)))

    assert price(holding(U64_MAX - 10**6, out), forward=forward).amount_out == out
    with refused("vault_overflow"):
        price(holding(U64_MAX - 10**6 + 1, out), forward=forward)
    with refused("vault_short"):
        price(holding(0, out - 1), forward=forward)
    for nothing in (0, -1):
        with refused("no_input"):
            price(wide(), nothing, forward=forward)


@pytest.mark.parametrize("forward", [True, False])
def test_an_empty_stretch_between_positions_is_crossed_at_no_cost(forward: bool):
    ticks = {-400: 10**12, -300: -(10**12), 300: 10**12, 400: -(10**12)}
    snapshot = with_ticks(ticks, 0, sqrt_price_at(10), 10)
    priced = price(snapshot, forward=forward)
    # At tick 300 a token costs 3 % more or less than at 0; the price impact counts from where the price was.
    assert priced.fee == 10**6 - 10**6 * (M - RATE) // M
    assert priced.price_impact_bps in range(280, 315)
    assert priced.arrays == ((0, -600) if forward else (0,))


def test_a_swap_of_more_ticks_than_one_transaction_has_time_for_is_refused():
    """Each tick from 0 down adds nothing, but takes its time."""
    ticks = {-10 * n: 0 for n in range(MOST_TICKS + 3)}
    snapshot = with_ticks(ticks, 10**9, sqrt_price_at(5), 5)
    state = quoting.read_pool(snapshot.get(POOL))
    steps = [sqrt_price_at(tick) for tick in sorted(ticks, reverse=True)]
    assert state.tick == 5 and all(one > other for one, other in pairwise(steps))
    enough = cost(10**9, state.sqrt_price, steps[MOST_TICKS], forward=True)
    assert cost(10**9, steps[MOST_TICKS - 1], steps[MOST_TICKS], forward=True) > 400_000
    assert price(snapshot, (enough - 250_000) * M // (M - RATE)).amount_out > 0
    with refused("too_many_ticks"):
        price(snapshot, (enough + 250_000) * M // (M - RATE))


def far_ticks(count: int) -> Snapshot:
    return with_ticks({-600 * n: 0 for n in range(count)}, 10**9, sqrt_price_at(5), 5)


def cost_down_to(tick: int) -> int:
    return cost(10**9, sqrt_price_at(5), sqrt_price_at(tick), forward=True) * M // (M - RATE)


def test_a_swap_that_needs_more_arrays_than_fit_a_transaction_is_refused():
    snapshot = far_ticks(MOST_ARRAYS + 1)
    assert MARKET.accounts(POOL, snapshot, forward=True) == (
        STATE.config,
        *STATE.vaults,
        EXTENSION,
        *(array_at(-600 * n) for n in range(MOST_ARRAYS)),
    )
    assert len(price(snapshot, cost_down_to(-600 * MOST_ARRAYS + 700)).arrays) == MOST_ARRAYS
    with refused("missing_array"):
        price(snapshot, cost_down_to(-600 * MOST_ARRAYS + 500))


def test_terms_name_the_arrays_of_the_walk_and_one_more_if_it_fits():
    snapshot = far_ticks(MOST_ARRAYS + 1)
    fixed = (POOL, STATE.config, *STATE.vaults, *STATE.mints, STATE.observation, EXTENSION)
    for tick, arrays in ((-300, 3), (-700, 4), (-600 * MOST_ARRAYS + 700, MOST_ARRAYS)):
        priced = price(snapshot, cost_down_to(tick))
        terms = MARKET.terms(POOL, snapshot, priced, forward=True)
        assert terms == (*fixed, *(array_at(-600 * n) for n in range(arrays)))
    last = far_ticks(1)
    assert MARKET.terms(POOL, last, price(last, 10**4), forward=True) == (*fixed, array_at(0))


def test_terms_of_a_quote_in_another_state_or_of_strange_accounts_are_refused():
    priced = price()
    for arrays in ((), (60,)):
        with refused("bad_terms"):
            MARKET.terms(POOL, PLAIN, evolve(priced, arrays=arrays), forward=True)
    for offset in (73, 137, 169):
        with refused("wrong_vault"):
            MARKET.terms(POOL, patched(PLAIN, POOL, offset, b"\x01"), priced, forward=True)
    with refused("missing_account"):
        MARKET.terms(POOL, evolve(PLAIN, accounts={**PLAIN.accounts, EXTENSION: None}), priced, forward=True)
    with refused("wrong_kind"):
        MARKET.terms(POOL, patched(PLAIN, EXTENSION, 0, b"\0"), priced, forward=True)


def test_a_pool_that_is_switched_off_still_has_its_mints():
    pool, snapshot = pool_of("raydium_clmm", "disabled")
    roles = recording("raydium_clmm").pools["disabled"]
    assert MARKET.mints(pool, snapshot) == (roles["mint0"], roles["mint1"])
    with refused("swaps_disabled"):
        MARKET.price(pool, snapshot, 1_000, forward=True)


def swap(trader: Trader, amount_in: int = 5, min_out: int = 3, *, forward: bool = True, arrays: int = 1) -> Instruction:
    terms = (POOL, STATE.config, *STATE.vaults, *STATE.mints, STATE.observation, EXTENSION)
    terms += tuple(array_at(-600 * n) for n in range(arrays))
    (instruction,) = MARKET.swap(terms, trader, amount_in, min_out, forward=forward)
    return instruction


def read(instruction: Instruction) -> SwapCall | None:
    return unless_refused(lambda: MARKET.read_swap([instruction]), "not_a_swap")


@given(TRADERS, AMOUNTS, AMOUNTS, st.integers(1, MOST_ARRAYS), st.booleans())
def test_a_swap_is_read_back_as_it_was_made(trader: Trader, amount_in: int, min_out: int, arrays: int, forward: bool):
    call = MARKET.read_swap([swap(trader, amount_in, min_out, forward=forward, arrays=arrays)])
    assert (call.trader, call.pool, call.amount_in, call.min_out) == (trader, POOL, amount_in, min_out)
    assert (call.input_mint, call.output_mint) == (STATE.mints if forward else STATE.mints[::-1])


TRADER = Trader(wallet=STATE.mints[0], source=STATE.mints[1], destination=ARRAY)


def test_the_instruction_is_the_programs():
    instruction = swap(TRADER, forward=False, arrays=2)
    assert instruction.program == quoting.PROGRAM
    assert instruction.data == hashlib.sha256(b"global:swap_v2").digest()[:8] + struct.pack("<QQQQB", 5, 3, 0, 0, 1)
    letters = {(False, False): "-", (True, False): "w", (False, True): "s"}
    assert [(meta.address, letters[meta.writable, meta.signer]) for meta in instruction.accounts] == [
        (TRADER.wallet, "s"),
        (STATE.config, "-"),
        (POOL, "w"),
        (TRADER.source, "w"),
        (TRADER.destination, "w"),
        (STATE.vaults[1], "w"),
        (STATE.vaults[0], "w"),
        (STATE.observation, "w"),
        (SPL_TOKEN, "-"),
        (TOKEN_2022, "-"),
        ("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr", "-"),
        (STATE.mints[1], "-"),
        (STATE.mints[0], "-"),
        (EXTENSION, "w"),
        (array_at(0), "w"),
        (array_at(-600), "w"),
    ]


CONFIG, OBSERVATION = 1, 7
"""Their places: any is read back, since the program itself takes none but the pool's."""


@given(st.integers(0, 13).filter(lambda place: place not in {CONFIG, OBSERVATION}), ADDRESSES)
def test_another_address_in_a_swap_is_refused_or_shows(place: int, address: str):
    whole = swap(TRADER)
    assume(address != whole.accounts[place].address)
    assert read(with_address(whole, place, address)) != read(whole)


@given(st.integers(0, 41 * 8 - 1))
def test_another_bit_in_a_swap_is_refused_or_shows(bit: int):
    whole = swap(TRADER)
    data = (int.from_bytes(whole.data, "little") ^ 1 << bit).to_bytes(41, "little")
    assert read(evolve(whole, data=data)) != read(whole)


def test_what_is_not_one_whole_swap_is_refused():
    whole, most = swap(TRADER), swap(TRADER, arrays=MOST_ARRAYS)
    for instructions in (
        [],
        [whole, whole],
        [evolve(whole, program=SPL_TOKEN)],
        [evolve(whole, data=whole.data[:-1])],
        [evolve(whole, data=whole.data + b"\0")],
        [evolve(whole, data=b"")],
        [evolve(whole, accounts=whole.accounts[:-1])],
        [evolve(most, accounts=(*most.accounts, most.accounts[-1]))],
        [with_address(whole, 2, "no address")],
        [with_address(whole, 11, "no address")],
    ):
        with refused("not_a_swap"):
            MARKET.read_swap(instructions)
    for terms in ((), (POOL,) * 8, (POOL,) * (9 + MOST_ARRAYS)):
        with refused("bad_terms"):
            MARKET.swap(terms, TRADER, 5, 3, forward=True)


@pytest.mark.parametrize("over", [0, 1])
def test_the_most_arrays_are_as_many_as_fit_a_transaction(over: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bestfill_adapters.solana.markets.raydium_clmm.MOST_ARRAYS", MOST_ARRAYS + over)
    terms = (POOL, STATE.config, *STATE.vaults, NATIVE_MINT, STATE.mints[1], STATE.observation, EXTENSION)
    terms += tuple(array_at(-600 * n) for n in range(MOST_ARRAYS + over))
    plan = longest_plan("raydium_clmm", POOL, terms, STATE.mints[1])
    call = {"wallet": STATE.mints[0], "markets": {"raydium_clmm": MARKET}, "existing": (), "blockhash": SPL_TOKEN}
    if over:
        with pytest.raises(ExecutionError, match="1232"):
            build(plan, **call, compute_limit=1_400_000, compute_price=10**6)
    else:
        build(plan, **call, compute_limit=1_400_000, compute_price=10**6)
