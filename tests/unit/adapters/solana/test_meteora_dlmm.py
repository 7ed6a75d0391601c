"""Meteora DLMM: what its pairs pay, which are refused, and its swap instruction."""

import hashlib
import struct
from collections.abc import Mapping, Sequence

import pytest
from attrs import evolve, frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bestfill.errors import ExecutionError
from bestfill.units import U64_MAX
from bestfill_adapters.solana.account import SPL_TOKEN, Account, Refused, Snapshot
from bestfill_adapters.solana.derive import program_address, seed, token_account
from bestfill_adapters.solana.frame import NATIVE_MINT, build
from bestfill_adapters.solana.market import Instruction, Priced, SwapCall, Trader
from bestfill_adapters.solana.markets.meteora_dlmm import MOST_ARRAYS, MOST_BINS, MeteoraDlmm
from bestfill_adapters.solana.quoting import meteora_dlmm as quoting
from bestfill_adapters.solana.quoting.bins import price_of
from tests.unit.adapters.solana.recorded import (
    ADDRESSES,
    AMOUNTS,
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

MARKET = MeteoraDlmm()
G, Q = 10**9, 2**64
PAIR, ORDERS = pool_of("meteora_dlmm", "orders_fee_on_y_step15")
STATE = quoting.read_pair(ORDERS.get(PAIR))
ARRAY = str(recording("meteora_dlmm").pools["orders_fee_on_y_step15"]["bin_arrays"]["-1"])
USED = [PAIR, *STATE.reserves, ARRAY]


def array_at(index: int) -> str:
    return program_address(quoting.PROGRAM, b"bin_array", seed(PAIR), index.to_bytes(8, "little", signed=True))


def price(snapshot: Snapshot = ORDERS, amount_in: int = 10**6, *, forward: bool = True) -> Priced:
    return MARKET.price(PAIR, snapshot, amount_in, forward=forward)


def answer(snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced | str:
    """Give the price, or the name of its refusal."""
    try:
        return price(snapshot, amount_in, forward=forward)
    except Refused as refusal:
        return refusal.name


@frozen
class Bin:
    """A bin as its array has it; `asks`: whether its orders sell X."""

    x: int = 0
    y: int = 0
    open: int = 0
    processed: int = 0
    asks: bool = False
    price: int = 0


def with_bins(bins: Mapping[int, Bin], active_id: int, snapshot: Snapshot = ORDERS, version: int = 2) -> Snapshot:
    """Give the pair these bins and no others, at the prices of their ids unless they have their own."""
    accounts, bitmap = dict(snapshot.accounts), 0
    for index in {bin_id // 70 for bin_id in bins}:
        bitmap |= 1 << index + 512
        data = bytearray(10_136)
        data[:8] = hashlib.sha256(b"account:BinArray").digest()[:8]
        struct.pack_into("<qB7x32s", data, 8, index, version, seed(PAIR))
        for bin_id, held in bins.items():
            if bin_id // 70 == index:
                at = 56 + bin_id % 70 * 144
                rate = held.price or price_of(bin_id, STATE.bin_step)
                struct.pack_into("<QQQQ", data, at, held.x, held.y, rate % Q, rate // Q)
                struct.pack_into("<QQQIB", data, at + 112, held.open, 0, held.processed, 0, held.asks)
        accounts[array_at(index)] = Account(quoting.PROGRAM, bytes(data))
    snapshot = patched(evolve(snapshot, accounts=accounts), PAIR, 584, bitmap.to_bytes(128, "little"))
    return patched(snapshot, PAIR, 76, active_id.to_bytes(4, "little", signed=True))


def test_every_recorded_swap_is_priced_alike_from_the_addresses_that_the_pair_itself_names():
    for case in recording("meteora_dlmm").cases:
        pool, snapshot = pool_of("meteora_dlmm", case.pool)
        snapshot = evolve(snapshot, now=case.now)
        try:
            priced = MARKET.price(pool, snapshot, case.amount_in, forward=case.forward)
        except Refused:
            assert case.amount_out is None
            continue
        assert (priced.amount_out, priced.fee) == (case.amount_out, case.fee)
        terms = MARKET.terms(pool, snapshot, priced, forward=case.forward)
        stored = recording("meteora_dlmm").pools[case.pool]["bin_arrays"]
        assert terms[6 : 6 + len(priced.arrays)] == tuple(stored[str(index)] for index in priced.arrays)


def test_the_stored_prices_of_bins_are_the_powers_of_their_step():
    seen = 0
    for name, roles in recording("meteora_dlmm").pools.items():
        pool, snapshot = pool_of("meteora_dlmm", name)
        step = snapshot.get(pool).unsigned(80, 2)
        for index, address in roles["bin_arrays"].items():
            for slot in range(70):
                stored = snapshot.get(address).unsigned(56 + 144 * slot + 16, 16)
                bin_id = 70 * int(index) + slot
                # One made-up bin 0 has a price just below 1.
                assert stored in {0, price_of(bin_id, step), Q - 1 if bin_id == 0 else 0}
                seen += stored > 0
    assert seen


def bought_from(reserves: list[int], rate: int, net: int, *, forward: bool) -> tuple[int, int, bool] | str:
    """Buy from one bin's reserves in turn: what was got, what is left, and whether that was the end."""
    got = 0
    for reserve in reserves:
        full = -(-reserve * Q // rate) if forward else -(-reserve * rate // Q)
        if full > U64_MAX:
            return "fill_overflow"
        if net < full:
            return got + (net * rate // Q if forward else net * Q // rate), 0, True
        got, net = got + reserve, net - full
        if not net:
            return got, 0, True
    return got, net, False


def reference(bins: Mapping[int, Bin], state: quoting.Pair, amount_in: int, now: int, *, forward: bool) -> Priced | str:
    """Swap by the rules, bin by bin, with none of the code's shortcuts."""
    index, volatility, elapsed = state.index_reference, state.volatility_reference, now - state.updated
    if elapsed >= state.filter_period:
        index = state.active_id
        volatility = state.volatility * state.reduction_factor // 10_000 if elapsed < state.decay_period else 0
    left, out, fees, used = amount_in, 0, 0, list[int]()
    on_output = state.fee_on_y and forward
    ids = sorted((b for b in bins if (b <= state.active_id if forward else b >= state.active_id)), reverse=forward)
    for bin_id in ids:
        used += [] if bin_id // 70 in used else [bin_id // 70]
        held = bins[bin_id]
        reserves = [held.y if forward else held.x]
        if state.orders and held.asks != forward:
            reserves += [held.processed, held.open]
        if not any(reserves):
            continue
        va = min(volatility + abs(index - bin_id) * 10_000, state.most_volatility)
        variable = -(-state.control * (va * state.bin_step) ** 2 // 10**11)
        rate = min(state.base_rate + variable, 10**8)
        fee = 0 if on_output else -(-left * rate // G)
        net = begun = left - fee
        bought = bought_from(reserves, held.price or price_of(bin_id, state.bin_step), net, forward=forward)
        if isinstance(bought, str):
            return bought
        got, net, done = bought
        if not done:
            spent = begun - net
            fee = 0 if on_output else -(-spent * rate // (G - rate))
            left -= spent + fee
        fee += -(-got * rate // G) if on_output else 0
        fees, out = fees + fee, out + got - (fee if on_output else 0)
        if done:
            whole = out + fees if on_output else amount_in
            return Priced(
                amount_out=out,
                fee=fees,
                fee_on_output=on_output,
                fee_bps=-(-fees * 10_000 // whole) if whole else 0,
                price_impact_bps=0,
                arrays=tuple(used),
            )
    return "no_liquidity"


HELD = st.builds(
    Bin,
    x=st.one_of(st.just(0), AMOUNTS),
    y=st.one_of(st.just(0), AMOUNTS),
    open=st.one_of(st.just(0), AMOUNTS),
    processed=st.one_of(st.just(0), AMOUNTS),
    asks=st.booleans(),
)
PAIRS = st.fixed_dictionaries(
    {
        12: st.integers(0, 900).map(lambda n: n.to_bytes(2, "little")),  # decay period
        16: st.sampled_from([0, 1, 60_000, 10**7]).map(lambda n: n.to_bytes(4, "little")),  # control
        20: st.sampled_from([0, 70_000, 300_000]).map(lambda n: n.to_bytes(4, "little")),  # most volatility
        34: st.sampled_from([b"\0", b"\1"]),  # power
        35: st.sampled_from([b"\0", b"\1", b"\2"]),  # function
        36: st.sampled_from([b"\0", b"\1"]),  # fees on the output
        264: st.sampled_from([bytes(32), b"\1" + bytes(31)]),  # a reward
    }
)


def with_reserves(snapshot: Snapshot, x: int, y: int) -> Snapshot:
    for reserve, amount in zip(STATE.reserves, (x, y), strict=True):
        snapshot = patched(snapshot, reserve, 64, amount.to_bytes(8, "little"))
    return snapshot


@settings(max_examples=150)
@given(
    st.dictionaries(st.integers(-150, 150), HELD, min_size=1, max_size=12),
    st.integers(-150, 150),
    PAIRS,
    AMOUNTS,
    st.integers(-50, 1_000),
    st.booleans(),
)
def test_any_pair_pays_what_the_rules_say_bin_by_bin(
    bins: dict[int, Bin], active_id: int, pair: dict[int, bytes], amount_in: int, elapsed: int, forward: bool
):
    snapshot = with_bins(bins, active_id)
    for offset, data in pair.items():
        snapshot = patched(snapshot, PAIR, offset, data)
    balances = (U64_MAX - amount_in, U64_MAX)
    snapshot = evolve(with_reserves(snapshot, *(balances if forward else balances[::-1])), now=STATE.updated + elapsed)
    expected = reference(bins, quoting.read_pair(snapshot.get(PAIR)), amount_in, snapshot.now, forward=forward)
    found = answer(snapshot, amount_in, forward=forward)
    if isinstance(found, Priced) and isinstance(expected, Priced):
        # The array of the active bin is passed even if there is nothing ahead in it.
        assert set(expected.arrays) <= set(found.arrays)
        found, expected = (evolve(priced, arrays=(), price_impact_bps=0) for priced in (found, expected))
    elif isinstance(expected, Priced):
        assert not 0 < expected.amount_out <= U64_MAX
        expected = "output_overflow" if expected.amount_out else "no_output"
    assert found == expected


@given(
    st.dictionaries(st.integers(-80, 80), HELD, min_size=1, max_size=8),
    st.lists(AMOUNTS, min_size=2, max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_more_in_never_pays_less_and_never_more_than_the_bins_hold(
    bins: dict[int, Bin], amounts: list[int], fee_on_y: bool, forward: bool
):
    snapshot, paid = patched(with_bins(bins, 0), PAIR, 36, bytes([fee_on_y])), list[int]()
    snapshot = with_reserves(snapshot, *((0, U64_MAX) if forward else (U64_MAX, 0)))
    for amount_in in sorted(amounts):
        found = answer(snapshot, amount_in, forward=forward)
        if isinstance(found, Priced):
            paid.append(found.amount_out)
        else:
            assert found in {"no_output", "no_liquidity", "fill_overflow", "output_overflow"}
    assert paid == sorted(paid)
    assert max(paid, default=0) <= sum((b.y if forward else b.x) + b.open + b.processed for b in bins.values())


@given(bent(recording("meteora_dlmm").accounts, USED), AMOUNTS, st.integers(-(2**63), 2**63), st.booleans())
def test_bent_accounts_are_refused_or_quoted_but_break_nothing(accounts, amount_in: int, now: int, forward: bool):
    snapshot = evolve(ORDERS, accounts=accounts, now=now)
    for call in (
        lambda: price(snapshot, amount_in, forward=forward),
        lambda: MARKET.mints(PAIR, snapshot),
        lambda: MARKET.accounts(PAIR, snapshot, forward=forward),
        lambda: MARKET.terms(PAIR, snapshot, price(forward=forward), forward=forward),
    ):
        try:
            call()
        except Refused:
            continue


@pytest.mark.parametrize(
    ("offset", "data", "name"),
    [
        (0, b"\0", "wrong_kind"),
        (82, b"\x01", "pool_disabled"),
        (75, b"\x01", "pair_type"),
        (75, b"\x03", "pair_type"),
        (816, b"\x01", "activation_point"),
        (823, b"\x80", "activation_point"),
        (86, b"\x02", "activation_point"),
        (880, b"\x01", "token_program"),
        (881, b"\x01", "token_program"),
        (36, b"\x02", "collect_fee_mode"),
        (35, b"\x03", "function_type"),
        (80, b"\0\0", "bin_step"),
        (34, b"\xff", "fee_overflow"),
        (8, bytes(26) + b"\xff", "fee_overflow"),
        (40, b"\xff" * 4, "fee_overflow"),
        (88, b"\x01", "wrong_mint"),
        (120, b"\x01", "wrong_mint"),
        (152, b"\x01", "missing_account"),
        (184, b"\x01", "missing_account"),
        (76, (512 * 70).to_bytes(4, "little"), "bitmap_extension"),
        (76, (-512 * 70 - 1).to_bytes(4, "little", signed=True), "bitmap_extension"),
        (584, bytes(128), "no_liquidity"),
        (584, b"\xff" * 128, "missing_account"),
    ],
)
def test_a_pair_that_is_not_understood_or_cannot_swap_is_refused_by_name(offset: int, data: bytes, name: str):
    with refused(name):
        price(patched(ORDERS, PAIR, offset, data), U64_MAX // 2)


def test_a_fee_rate_ends_at_a_tenth():
    steep = patched(ORDERS, PAIR, 16, b"\xff" * 8)
    curve = quoting.fee_curve(quoting.read_pair(steep.get(PAIR)), steep.now)
    assert [curve.rate(STATE.active_id + away) for away in (1, -1, 10**6)] == [10**8] * 3
    flat = patched(patched(steep, PAIR, 16, bytes(4)), PAIR, 8, b"\xff\xff")
    flat = patched(flat, PAIR, 34, b"\2")
    assert quoting.fee_curve(quoting.read_pair(flat.get(PAIR)), flat.now).rate(0) == 10**8


@pytest.mark.parametrize(
    ("offset", "data", "name"),
    [
        (0, b"\0", "wrong_kind"),
        (8, b"\0", "wrong_array"),
        (24, b"\0", "wrong_array"),
        (16, b"\x04", "array_version"),
    ],
)
def test_an_array_that_is_not_the_one_asked_for_or_not_understood_is_refused(offset: int, data: bytes, name: str):
    with refused(name):
        price(patched(ORDERS, ARRAY, offset, data), 10**12)


@pytest.mark.parametrize("version", [0, 1, 3])
def test_arrays_of_all_known_versions_are_read_alike(version: int):
    bins = {0: Bin(y=10**5, open=10**9, processed=10**5)}
    assert price(with_bins(bins, 0, version=version)) == price(with_bins(bins, 0))


@pytest.mark.parametrize("address", USED)
def test_an_account_of_another_program_too_short_or_missing_is_refused(address: str):
    account = ORDERS.get(address)
    for new, name in (
        (evolve(account, owner="11111111111111111111111111111111"), "wrong_owner"),
        (evolve(account, data=account.data[:-1]), "short_account"),
        (None, "missing_account"),
    ):
        with refused(name):
            price(evolve(ORDERS, accounts={**ORDERS.accounts, address: new}))


def test_a_bin_that_holds_something_without_a_price_is_refused():
    snapshot = patched(with_bins({0: Bin(y=5)}, 0), array_at(0), 56 + 16, bytes(16))
    with refused("no_price"):
        price(snapshot)


def test_a_bin_that_costs_more_than_an_amount_can_be_is_refused_as_its_program_does():
    cheap = Q >> 20  # a unit of Y costs 2²⁰ of X
    assert price(with_bins({0: Bin(y=2**44 - 1, price=cheap)}, 0), 2**30).amount_out > 0
    with refused("fill_overflow"):
        price(with_bins({0: Bin(y=2**44, price=cheap)}, 0), 2**30)


@pytest.mark.parametrize("forward", [True, False])
def test_a_bin_that_is_bought_out_to_the_last_unit_pays_what_it_holds_and_ends_the_swap(forward: bool):
    # Ten cost 2½, so 3: at the bare price those would buy 12, and 3 are taken.
    cheap, dear = (4 * Q, Q // 4) if forward else (Q // 4, 4 * Q)
    held = Bin(x=10, y=10, open=U64_MAX, asks=not forward, price=cheap)
    free = patched(patched(patched(with_bins({0: held}, 0), PAIR, 8, bytes(2)), PAIR, 16, bytes(4)), PAIR, 36, b"\0")
    free = with_reserves(free, 10**6, 10**6)
    assert [price(free, amount_in, forward=forward).amount_out for amount_in in (2, 3, 4)] == [8, 10, 14]
    # Where they cost 40, the orders behind them cost more than an amount can be, which shows once they are reached.
    free = with_bins({0: evolve(held, price=dear)}, 0, free)
    assert price(free, 40, forward=forward).amount_out == 10
    with refused("fill_overflow"):
        price(free, 41, forward=forward)


@pytest.mark.parametrize("held", [Bin(open=2**44), Bin(processed=2**44), Bin(y=2**44), Bin(y=1, open=2**44)])
def test_with_nothing_left_to_spend_the_cost_of_a_bins_orders_does_not_matter_but_that_of_its_own_does(held: Bin):
    # Twelve buy the ten of the first bin, pay one as its fee, and the last one is the next bin's fee.
    snapshot = with_bins({0: Bin(y=10, price=Q), -1: evolve(held, price=Q >> 20)}, 0)
    snapshot = patched(snapshot, PAIR, 36, b"\0")
    assert answer(snapshot, 12, forward=True) == "fill_overflow" if held.y > 1 else price(snapshot, 12).amount_out == 10
    assert answer(snapshot, 2**21, forward=True) == "fill_overflow"


@pytest.mark.parametrize("forward", [True, False])
def test_no_swap_goes_beyond_the_pairs_lowest_and_highest_bin(forward: bool):
    snapshot = with_bins({bin_id: Bin(x=10**6, y=10**6) for bin_id in (-1, 0, 1)}, 0)
    end = struct.pack("<ii", 0, 0)
    assert price(patched(snapshot, PAIR, 24, end), 10**5, forward=forward) == price(snapshot, 10**5, forward=forward)
    assert price(snapshot, 10**6 + 10**5, forward=forward).amount_out > 10**6
    assert answer(patched(snapshot, PAIR, 24, end), 10**6 + 10**5, forward=forward) == "no_liquidity"


def test_what_a_bin_leaves_of_the_input_is_swapped_in_the_next_even_if_it_is_a_single_unit():
    free = with_bins({0: Bin(y=10, price=Q), -1: Bin(y=10, price=Q)}, 0)
    free = patched(patched(free, PAIR, 8, bytes(2)), PAIR, 16, bytes(4))
    assert [price(free, amount_in).amount_out for amount_in in (10, 11, 20)] == [10, 11, 20]


@pytest.mark.parametrize(
    ("function", "rewards", "orders"),
    [
        (0, (), True),
        (0, (264,), False),
        (0, (408,), False),
        (0, (264, 408), False),
        (0, (439,), False),
        (1, (), False),
        (1, (264,), False),
        (2, (), True),
        (2, (264, 408), True),
    ],
)
def test_a_pair_has_limit_orders_if_it_is_for_them_or_undecided_and_without_rewards(
    function: int, rewards: tuple[int, ...], orders: bool
):
    snapshot = patched(with_bins({0: Bin(y=10, open=10**9)}, 0), PAIR, 35, bytes([function]))
    for offset in (264, 408):
        snapshot = patched(snapshot, PAIR, offset, bytes(32))
    for offset in rewards:
        snapshot = patched(snapshot, PAIR, offset, b"\x01")
    assert quoting.read_pair(snapshot.get(PAIR)).orders is orders
    assert answer(snapshot, 10**6, forward=True) == "no_liquidity" if not orders else price(snapshot).amount_out > 10


@pytest.mark.parametrize("forward", [True, False])
def test_what_the_reserves_cannot_take_or_pay_is_refused(forward: bool):
    snapshot = with_bins({0: Bin(x=10**9, y=10**9)}, 0)
    out = price(snapshot, forward=forward).amount_out

    def holding(take: int, pay: int) -> Snapshot:
        return with_reserves(snapshot, *((take, pay) if forward else (pay, take)))

    assert price(holding(U64_MAX - 10**6, out), forward=forward).amount_out == out
    with refused("vault_overflow"):
        price(holding(U64_MAX - 10**6 + 1, out), forward=forward)
    with refused("vault_short"):
        price(holding(0, out - 1), forward=forward)
    for nothing in (0, -1):
        with refused("no_input"):
            price(snapshot, nothing, forward=forward)


@pytest.mark.parametrize(
    ("elapsed", "index_moves", "volatility"),
    [(-5, False, 10_000), (29, False, 10_000), (30, True, 15_000), (599, True, 15_000), (600, True, 0)],
)
def test_volatility_fades_with_time(elapsed: int, index_moves: bool, volatility: int):
    curve = quoting.fee_curve(STATE, STATE.updated + elapsed)
    assert curve.index_reference == (STATE.active_id if index_moves else STATE.index_reference)
    assert curve.volatility_reference == volatility
    assert STATE.active_id != STATE.index_reference


def test_faded_volatility_is_rounded_down():
    odd = evolve(STATE, volatility=12_345, reduction_factor=3_333)
    assert quoting.fee_curve(odd, STATE.updated + STATE.filter_period).volatility_reference == 4_114  # of 4,114.5885


@pytest.mark.parametrize("index", [-512, 511])
@pytest.mark.parametrize("forward", [True, False])
def test_a_pair_may_be_in_the_last_array_of_its_bitmap(index: int, forward: bool):
    bins = {index * 70 + slot: Bin(x=10**9, y=10**9, price=Q) for slot in (0, 69)}
    snapshot = patched(with_bins(bins, index * 70 + 35), PAIR, 80, b"\x01\0")
    assert price(snapshot, forward=forward).arrays == (index,)


@pytest.mark.parametrize("forward", [True, False])
def test_a_walk_jumps_over_arrays_that_are_not_there_up_to_the_bitmaps_ends(forward: bool):
    end = -512 * 70 if forward else 511 * 70 + 69
    snapshot = with_bins({end: Bin(x=10**9, y=10**9, price=Q)}, 0)
    priced = price(patched(snapshot, PAIR, 16, bytes(4)), forward=forward)
    assert priced.arrays == (-512 if forward else 511,)
    rate = STATE.base_rate
    assert priced.amount_out == (10**6 - -(-(10**6) * rate // G))
    with refused("no_liquidity"):
        price(snapshot, 10**10, forward=forward)


def test_price_impact_counts_from_the_active_bin_without_fees():
    step = STATE.bin_step
    snapshot = with_bins({0: Bin(y=10**9), -100: Bin(y=10**9)}, 0)
    assert price(snapshot, 10**6).price_impact_bps <= 1
    empty = with_bins({-100: Bin(y=10**9)}, 0)
    fall = 1 - (1 + step / 10_000) ** -100
    assert abs(price(empty, 10**6).price_impact_bps - 10_000 * fall) < 1.1
    asks = with_bins({100: Bin(x=10**9)}, 0)
    assert abs(price(asks, 10**6, forward=False).price_impact_bps - 10_000 * fall) < 1.1
    for away in (-1_000, 1_000):
        snapshot = with_bins({away: Bin(x=10**9, y=10**9)}, away)
        assert [price(snapshot, 10**6, forward=forward).price_impact_bps <= 1 for forward in (True, False)] == [
            True
        ] * 2


def test_a_bin_that_is_stored_with_a_better_price_than_its_own_has_no_negative_impact():
    snapshot = with_bins({0: Bin(x=10**9, y=10**9, price=2 * Q)}, 0)
    assert price(snapshot, 10**6).price_impact_bps == 0
    assert price(snapshot, 10**6, forward=False).price_impact_bps in {5_000, 5_001}


def test_a_swap_of_more_bins_than_were_ever_seen_to_fit_is_refused():
    bins = {bin_id: Bin(y=1_000) for bin_id in range(-MOST_BINS, 1)}
    snapshot = with_bins(bins, 0)
    enough = next(n for n in range(10**4, 10**6, 500) if _bins_needed(snapshot, n) == MOST_BINS)
    assert price(snapshot, enough).amount_out > 0
    with refused("too_many_bins"):
        price(snapshot, enough + 5_000)


def _bins_needed(snapshot: Snapshot, amount_in: int) -> int:
    """Say how many of the bins a swap reaches that hold 1,000 each."""
    try:
        priced = quoting.quote(PAIR, snapshot, amount_in, _all_arrays(), forward=True)
    except Refused:
        return 0
    return -(-(priced.amount_out + priced.fee) // 1_000)


def _all_arrays() -> dict[int, str]:
    return {index: array_at(index) for index in range(-20, 20)}


def far_bins(count: int) -> Snapshot:
    return with_bins({-70 * n: Bin(y=1_000, price=Q) for n in range(count)}, 0)


def test_a_swap_that_needs_more_arrays_than_fit_a_transaction_is_refused():
    snapshot = far_bins(MOST_ARRAYS + 1)
    assert MARKET.accounts(PAIR, snapshot, forward=True) == (
        *STATE.reserves,
        *(array_at(-n) for n in range(MOST_ARRAYS)),
    )
    assert len(price(snapshot, 1_000 * MOST_ARRAYS).arrays) == MOST_ARRAYS
    with refused("missing_array"):
        price(snapshot, 1_000 * MOST_ARRAYS + 500)


def test_terms_name_the_arrays_of_the_walk_and_one_more_if_it_fits():
    snapshot = far_bins(MOST_ARRAYS + 1)
    fixed = (PAIR, *STATE.reserves, *STATE.mints, STATE.oracle)
    for amount_in, arrays in ((500, 2), (1_500, 3), (1_000 * MOST_ARRAYS, MOST_ARRAYS)):
        terms = MARKET.terms(PAIR, snapshot, price(snapshot, amount_in), forward=True)
        assert terms == (*fixed, *(array_at(-n) for n in range(arrays)))
    last = far_bins(1)
    assert MARKET.terms(PAIR, last, price(last, 500), forward=True) == (*fixed, array_at(0))


def test_terms_of_a_quote_in_another_state_or_with_foreign_reserves_are_refused():
    priced = price()
    with refused("bad_terms"):
        MARKET.terms(PAIR, ORDERS, evolve(priced, arrays=(0,)), forward=True)
    with refused("bad_terms"):
        MARKET.terms(PAIR, ORDERS, evolve(priced, arrays=()), forward=True)
    for offset in (88, 152, 184, 552):
        with refused("wrong_vault"):
            MARKET.terms(PAIR, patched(ORDERS, PAIR, offset, b"\x01"), priced, forward=True)


def test_a_pair_that_is_switched_off_still_has_its_mints():
    pool, snapshot = pool_of("meteora_dlmm", "disabled")
    roles = recording("meteora_dlmm").pools["disabled"]
    assert MARKET.mints(pool, snapshot) == (roles["mint_x"], roles["mint_y"])
    with refused("pool_disabled"):
        MARKET.price(pool, snapshot, 1_000, forward=True)


def swap(trader: Trader, amount_in: int = 5, min_out: int = 3, *, forward: bool = True, arrays: int = 1) -> Instruction:
    terms = (PAIR, *STATE.reserves, *STATE.mints, STATE.oracle, *(array_at(-n) for n in range(arrays)))
    (instruction,) = MARKET.swap(terms, trader, amount_in, min_out, forward=forward)
    return instruction


def read(instruction: Instruction) -> SwapCall | None:
    return unless_refused(lambda: MARKET.read_swap([instruction]), "not_a_swap")


@given(TRADERS, AMOUNTS, AMOUNTS, st.integers(1, MOST_ARRAYS), st.booleans())
def test_a_swap_is_read_back_as_it_was_made(trader: Trader, amount_in: int, min_out: int, arrays: int, forward: bool):
    call = MARKET.read_swap([swap(trader, amount_in, min_out, forward=forward, arrays=arrays)])
    assert (call.trader, call.pool, call.amount_in, call.min_out) == (trader, PAIR, amount_in, min_out)
    assert (call.input_mint, call.output_mint) == (None, None)


@given(ADDRESSES, st.booleans())
def test_the_wallets_own_accounts_tell_which_way_a_swap_goes(wallet: str, forward: bool):
    mints = STATE.mints if forward else STATE.mints[::-1]
    source, destination = (token_account(wallet, mint) for mint in mints)
    call = MARKET.read_swap([swap(Trader(wallet=wallet, source=source, destination=destination), forward=forward)])
    assert (call.input_mint, call.output_mint) == mints


TRADER = Trader(wallet=STATE.mints[0], source=token_account(STATE.mints[0], STATE.mints[1]), destination=STATE.oracle)


def test_the_instruction_is_the_programs():
    instruction = swap(TRADER, arrays=2)
    assert instruction.program == quoting.PROGRAM
    numbers = struct.pack("<QQI", 5, 3, 0)
    assert instruction.data == hashlib.sha256(b"global:swap2").digest()[:8] + numbers
    letters = {(False, False): "-", (True, False): "w", (False, True): "s"}
    assert [(meta.address, letters[meta.writable, meta.signer]) for meta in instruction.accounts] == [
        (PAIR, "w"),
        (quoting.PROGRAM, "-"),
        (STATE.reserves[0], "w"),
        (STATE.reserves[1], "w"),
        (TRADER.source, "w"),
        (TRADER.destination, "w"),
        (STATE.mints[0], "-"),
        (STATE.mints[1], "-"),
        (STATE.oracle, "w"),
        (quoting.PROGRAM, "-"),
        (TRADER.wallet, "s"),
        (SPL_TOKEN, "-"),
        (SPL_TOKEN, "-"),
        ("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr", "-"),
        (program_address(quoting.PROGRAM, b"__event_authority"), "-"),
        (quoting.PROGRAM, "-"),
        (array_at(0), "w"),
        (array_at(-1), "w"),
    ]


@given(st.integers(0, 15), ADDRESSES)
def test_another_address_in_a_swap_is_refused_or_shows(place: int, address: str):
    whole = swap(TRADER)
    assume(address != whole.accounts[place].address)
    assert read(with_address(whole, place, address)) != read(whole)


@given(st.integers(0, 28 * 8 - 1))
def test_another_bit_in_a_swap_is_refused_or_shows(bit: int):
    whole = swap(TRADER)
    data = (int.from_bytes(whole.data, "little") ^ 1 << bit).to_bytes(28, "little")
    assert read(evolve(whole, data=data)) != read(whole)


def test_what_is_not_one_whole_swap_is_refused():
    whole, most = swap(TRADER), swap(TRADER, arrays=MOST_ARRAYS)
    broken: Sequence[Sequence[Instruction]] = (
        [],
        [whole, whole],
        [evolve(whole, program=SPL_TOKEN)],
        [evolve(whole, data=whole.data[:-1])],
        [evolve(whole, data=whole.data + b"\0")],
        [evolve(whole, accounts=whole.accounts[:-1])],
        [evolve(most, accounts=(*most.accounts, most.accounts[-1]))],
        [with_address(whole, 0, "no address")],
        [with_address(whole, 6, "no address")],
        [with_address(whole, 10, "no address")],
    )
    for instructions in broken:
        with refused("not_a_swap"):
            MARKET.read_swap(instructions)
    for terms in ((), (PAIR,) * 6, (PAIR,) * (7 + MOST_ARRAYS)):
        with refused("bad_terms"):
            MARKET.swap(terms, TRADER, 5, 3, forward=True)


@pytest.mark.parametrize("over", [0, 1])
def test_the_most_arrays_are_as_many_as_fit_a_transaction(over: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bestfill_adapters.solana.markets.meteora_dlmm.MOST_ARRAYS", MOST_ARRAYS + over)
    terms = (PAIR, *STATE.reserves, NATIVE_MINT, STATE.mints[1], STATE.oracle)
    terms += tuple(array_at(-n) for n in range(MOST_ARRAYS + over))
    plan = longest_plan("meteora_dlmm", PAIR, terms, STATE.mints[1])
    call = {
        "wallet": STATE.mints[0],
        "markets": {"meteora_dlmm": MARKET},
        "existing": (),
        "blockhash": SPL_TOKEN,
        "compute_limit": 1_400_000,
        "compute_price": 10**6,
    }
    if over:
        with pytest.raises(ExecutionError, match="1232"):
            build(plan, **call)
    else:
        build(plan, **call)
