"""Made-up pools and swaps, held against the real programs: they pay just the quote, and fail where there is none.

Needs their binaries: SOLANA_ELF_DIR names a folder that holds `<venue>.so` or `<program id>.so`. The states are such as
a program can come to, from the plain to the extreme; what is not fully understood, and so refused, is not among them.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from attrs import frozen
from solders.account import Account as Stored
from solders.clock import Clock
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import TransactionMetadata

from bestfill.units import U64_MAX
from bestfill_adapters.solana.account import SPL_TOKEN, Refused, Snapshot
from bestfill_adapters.solana.market import Trader
from bestfill_adapters.solana.quoting.bins import price_of
from bestfill_adapters.solana.quoting.ticks import MOST_TICK, sqrt_price_at
from tests.integration.solana.test_cluster_programs import price_history
from tests.unit.adapters.solana import test_meteora_dlmm as dlmm
from tests.unit.adapters.solana import test_raydium_clmm as clmm
from tests.unit.adapters.solana.golden import MARKETS
from tests.unit.adapters.solana.recorded import patched, pool_of
from tools.cluster.accounts import token_account_data
from tools.cluster.programs import PROGRAMS

CASES = 500
LIFT = 10**11
"""Lamports for any account."""
WALLET, SOURCE, DESTINATION = (Pubkey.from_bytes(bytes([place]) * 32) for place in (1, 2, 3))
SWAPS_ANYHOW = {"vault_overflow", "too_many_ticks", "too_many_bins"}
"""Refusals of what works here: the token program lets a vault wrap, and a transaction may be of any length."""


@frozen(kw_only=True)
class Case:
    """A swap. `terms` as of its market, and `mints` 0 and 1, whether or not there is a quote."""

    pool: str
    snapshot: Snapshot
    forward: bool
    amount_in: int
    terms: tuple[str, ...]
    mints: tuple[str, str]


def number(random: Random, least: int, most: int) -> int:
    """Give a number of so many bits."""
    bits = random.randint(least, most)
    return random.randint(2**bits // 2, 2**bits - 1)


def amount(random: Random, *near: int) -> int:
    """Give an amount of any size, or one about as great as one of these."""
    sizes = [1, 2, U64_MAX, number(random, 1, 20), number(random, 10, 45), number(random, 1, 64)]
    if near and random.random() < 0.5:
        sizes = [size + random.randint(-2, 2) for size in near]
    return min(U64_MAX, max(1, random.choice(sizes)))


def filled(snapshot: Snapshot, vaults: tuple[str, str], balances: tuple[int, int]) -> Snapshot:
    for vault, balance in zip(vaults, balances, strict=True):
        snapshot = patched(snapshot, vault, 64, balance.to_bytes(8, "little"))
    return snapshot


def room(amount_in: int, *, forward: bool) -> tuple[int, int]:
    """Give the balances of vaults that can take this, and pay anything."""
    return (U64_MAX - amount_in, U64_MAX) if forward else (U64_MAX, U64_MAX - amount_in)


def cpmm_case(random: Random) -> Case:
    name = random.choice(["accrued_1pct_6_9", "tiny_4bps_0_0", "huge_20bps_9_9", "imbalanced_5pct_2_8"])
    pool, snapshot = pool_of("raydium_cpmm", name)
    account, forward = snapshot.get(pool), random.random() < 0.5
    config, *vaults = (account.address(offset) for offset in (8, 72, 104))
    balances = [random.choice([random.randint(0, 2), *(number(random, 10, 62) for _ in range(9))]) for _ in vaults]
    owed = [random.choice([0, 0, *[random.randint(0, balance)] * 4, balance + 1]) for balance in balances]
    fees = b"".join(fee.to_bytes(8, "little") for fee in owed)
    snapshot = patched(snapshot, pool, 341, fees + bytes(16))
    snapshot = patched(snapshot, pool, 329, bytes([random.choice([0] * 20 + [1, 2, 4, 8, 255])]))
    opens = random.choice([*[0] * 20, snapshot.now, snapshot.now + 1])
    snapshot = patched(snapshot, pool, 373, opens.to_bytes(8, "little"))
    trade = random.choice([0, 1, 400, 2_500, 50_000, 999_999, 1_000_000, random.randint(0, 10**6)])
    rates = (trade, random.choice([0, 120_000, 10**6]), 0)
    snapshot = patched(snapshot, config, 12, b"".join(rate.to_bytes(8, "little") for rate in rates))
    mints = account.address(168), account.address(200)
    return Case(
        pool=pool,
        snapshot=filled(snapshot, (vaults[0], vaults[1]), (balances[0], balances[1])),
        forward=forward,
        amount_in=amount(random, balances[0], balances[1]),
        terms=(pool, config, *vaults, *mints, account.address(296)),
        mints=mints,
    )


def damm_case(random: Random) -> Case:
    pool, snapshot = pool_of("meteora_damm_v2", random.choice(["narrow_1bp_6_6", "dynamic_fee_6_6", "huge_9_9"]))
    forward, now = random.random() < 0.5, snapshot.now
    # Liquidity of which a vault can hold what it comes to at the range's ends.
    low, high = sorted(number(random, 40, 88) for _ in range(2))
    price = random.choice([low, low + 1, max(low, high - 1), high, *(random.randint(low, high) for _ in range(9))])
    liquidity = number(random, 20, min(126 - high.bit_length() + 64, low.bit_length() + 62, 127))
    fields = [
        (360, liquidity, 16), (424, low, 16), (440, high, 16), (456, price, 16),
        (8, random.choice([0, 1, 2_500_000, 500_000_001, 990_000_001, random.randint(0, 10**9)]), 8),
        (48, random.choice([0, 20, 100]), 1),
        (480, random.randint(0, 1), 1), (472, random.choice([*[0] * 9, now, now + 1, snapshot.slot]), 8),
        (481, random.choice([0] * 20 + [1]), 1), (484, random.randint(0, 1), 1), (486, random.randint(0, 1), 1),
    ]  # fmt: skip
    if random.random() < 0.5:
        most = random.choice([0, 14_460_000, 2**32 - 1])
        reference = random.choice([price, min(high, price * 11 // 10), max(low, price * 9 // 10)])
        fields += [
            (56, 1, 1), (64, most, 4), (68, random.choice([0, 956, 2**32 - 1]), 4), (72, 1, 2),
            (74, 10, 2), (76, 120, 2), (78, random.choice([0, 5_000, 10_000]), 2),
            (80, now - random.choice([0, 9, 10, 11, 119, 120, 10**6]), 8), (88, 2**64 // 10_000, 16),
            (104, reference, 16), (120, random.randint(0, most), 16), (136, random.randint(0, most), 16),
        ]  # fmt: skip
    reach = liquidity * (price - low) // (low * price) if forward else liquidity * (high - price) >> 128
    amount_in = amount(random, reach, *(reach // 10**places for places in range(1, 7)))
    balances = room(amount_in, forward=forward)
    fields += [(680, balances[0], 8), (688, balances[1], 8)]  # what the pool itself takes its vaults to hold
    for offset, value, size in fields:
        snapshot = patched(snapshot, pool, offset, value.to_bytes(size, "little"))
    mint_a, mint_b, *vaults = (snapshot.get(pool).address(offset) for offset in (168, 200, 232, 264))
    return Case(
        pool=pool,
        snapshot=filled(snapshot, (vaults[0], vaults[1]), balances),
        forward=forward,
        amount_in=amount_in,
        terms=(pool, *vaults, mint_a, mint_b),
        mints=(mint_a, mint_b),
    )


def clmm_case(random: Random) -> Case:
    spacing, forward, rate = random.choice([1, 10, 60, 120]), random.random() < 0.5, random.choice([0, 100, 2_500])
    reach = min(512 * 60, MOST_TICK // spacing)
    centre, width = random.choice([0, random.randint(400 - reach, reach - 400)]), random.choice([2, 40, 300])
    ticks, most = dict[int, int](), random.choice([8, 45, 75, 110])
    for _ in range(random.randint(1, 5)):
        low, high = sorted((centre + place) * spacing for place in random.sample(range(-width, width), 2))
        liquidity = number(random, 1, most)
        ticks[low], ticks[high] = ticks.get(low, 0) + liquidity, ticks.get(high, 0) - liquidity
    tick = random.choice([*ticks, *(at - 1 for at in ticks), random.randint(min(ticks), max(ticks))])
    low, high = sqrt_price_at(tick), sqrt_price_at(tick + 1)
    sqrt_price = random.choice([low, random.randint(low, high), high - 1, high])
    liquidity = sum(net for at, net in ticks.items() if at <= tick)
    snapshot = clmm.with_ticks(ticks, liquidity, sqrt_price, tick, spacing)
    # What it takes to come just to a tick.
    left, reached, price = 0, list[int](), sqrt_price
    for at in sorted((at for at in ticks if (at <= tick if forward else at > tick)), reverse=forward):
        need = clmm.cost(liquidity, price, sqrt_price_at(at), forward=forward)
        left += need - (-need * rate // (10**6 - rate))
        reached.append(left)
        liquidity, price = liquidity + (-ticks[at] if forward else ticks[at]), sqrt_price_at(at)
    amount_in = amount(random, *reached)
    snapshot = patched(snapshot, clmm.STATE.config, 47, rate.to_bytes(4, "little"))
    snapshot = clmm.with_vaults(snapshot, *room(amount_in, forward=forward))
    span = 60 * spacing
    starts = sorted({at // span * span for at in ticks}, reverse=forward)
    walk = [start for start in starts if (start <= tick if forward else start + span > tick)]
    state = clmm.STATE
    fixed = (clmm.POOL, state.config, *state.vaults, *state.mints, state.observation, clmm.EXTENSION)
    return Case(
        pool=clmm.POOL,
        snapshot=snapshot,
        forward=forward,
        amount_in=amount_in,
        terms=(*fixed, *(clmm.array_at(start) for start in (walk or starts)[:11])),
        mints=state.mints,
    )


def dlmm_case(random: Random) -> Case:
    step, forward, most = random.choice([1, 10, 25, 100]), random.random() < 0.5, random.choice([5, 20, 45, 62])
    active = random.choice([0, -1, 69, 70, random.randint(-3_000, 3_000), random.randint(-200, 200)])
    bins = dict[int, dlmm.Bin]()
    for bin_id in {active + random.randint(-170, 170) for _ in range(random.choice([1, 12, 60]))} | {active}:
        x, y, opened, processed = (random.choice([0, number(random, 1, most)]) for _ in range(4))
        has_x, has_y = bin_id >= active, bin_id <= active
        orders = random.random() < 0.3
        bins[bin_id] = dlmm.Bin(
            x=x * has_x,
            y=y * has_y,
            open=opened * orders,
            processed=processed * orders,
            asks=bin_id > active or (bin_id == active and random.random() < 0.5),
            price=price_of(bin_id, step),
        )
    amount_in = amount(random, number(random, 1, most), number(random, 1, most), number(random, most, most + 2))
    snapshot = dlmm.with_bins(bins, active)
    filter_period, decay_period = random.choice([(30, 600), (0, 0), (1, 2)])
    elapsed = random.choice([0, filter_period, filter_period + 1, decay_period - 1, decay_period, 10**6])
    most_volatility = random.choice([0, 150_000, 2**24])
    volatility = random.randint(0, most_volatility)
    for offset, value, size in (
        (80, step, 2), (8, random.choice([0, 1, 10_000, 65_535]), 2), (34, random.choice([0, 0, 0, 1, 4]), 1),
        (10, filter_period, 2), (12, decay_period, 2), (14, random.choice([0, 5_000, 10_000]), 2),
        (16, random.choice([0, 1, 40_000, number(random, 1, 24)]), 4), (20, most_volatility, 4), (40, volatility, 4),
        (44, random.randint(0, volatility), 4), (48, active + random.choice([0, 1, -1, -37, 500]), 4),
        (56, snapshot.now - max(0, elapsed), 8), (35, random.randint(0, 2), 1), (36, random.randint(0, 1), 1),
        (24, random.choice([-443_636, active - 180, min(bins)]), 4), (28, random.choice([443_636, max(bins)]), 4),
        (264, random.choice([0, 0, 1]), 32),
    ):  # fmt: skip
        snapshot = patched(snapshot, dlmm.PAIR, offset, value.to_bytes(size, "little", signed=value < 0))
    indexes = sorted({bin_id // 70 for bin_id in bins}, reverse=forward)
    walk = [index for index in indexes if (index <= active // 70 if forward else index >= active // 70)]
    state = dlmm.STATE
    return Case(
        pool=dlmm.PAIR,
        snapshot=dlmm.with_reserves(snapshot, *room(amount_in, forward=forward)),
        forward=forward,
        amount_in=amount_in,
        terms=(dlmm.PAIR, *state.reserves, *state.mints, state.oracle, *(dlmm.array_at(index) for index in walk)),
        mints=state.mints,
    )


class Program:
    """A real program, alone in LiteSVM."""

    def __init__(self, venue: str, path: Path) -> None:
        self.venue, self.market, self.program = venue, MARKETS[venue](), PROGRAMS[venue]
        self.svm = LiteSVM().with_sigverify(sigverify=False).with_blockhash_check(check=False)
        self.svm = self.svm.with_transaction_history(0)
        self.svm.add_program(Pubkey.from_string(self.program), path.read_bytes())
        self.svm.set_account(WALLET, Stored(10**6 * LIFT, b"", Pubkey.default()))

    def paid(self, case: Case) -> int | str:
        """Swap in these accounts: what came out, or what the program says went wrong."""
        for address, account in case.snapshot.accounts.items():
            if account is not None:
                self._put(address, account.data, account.owner)
        if history := price_history(self.venue, case.snapshot.get(case.pool), case.pool):
            address, data = history
            if self.venue == "raydium_clmm":  # lately, or an extreme price adds up to more than it can note
                data = data[:41] + case.snapshot.now.to_bytes(4, "little") + data[45:]
            self._put(address, data, self.program)
        sold, bought = case.mints if case.forward else case.mints[::-1]
        self._put(str(SOURCE), token_account_data(sold, str(WALLET), case.amount_in), SPL_TOKEN)
        self._put(str(DESTINATION), token_account_data(bought, str(WALLET), 0), SPL_TOKEN)
        self.svm.set_clock(Clock(case.snapshot.slot, 0, 0, 1, case.snapshot.now))
        result = self.svm.send_transaction(self._transaction(case))
        if not isinstance(result, TransactionMetadata):
            return next((line for line in reversed(result.meta().logs()) if "Error" in line), str(result.err()))
        paid = self.svm.get_account(DESTINATION)
        assert paid is not None
        return int.from_bytes(paid.data[64:72], "little")

    def quoted(self, case: Case) -> int | str:
        """Quote the same swap: what comes out, or the name of the refusal."""
        try:
            return self.market.price(case.pool, case.snapshot, case.amount_in, forward=case.forward).amount_out
        except Refused as refusal:
            return refusal.name

    def _transaction(self, case: Case) -> VersionedTransaction:
        trader = Trader(wallet=str(WALLET), source=str(SOURCE), destination=str(DESTINATION))
        (made,) = self.market.swap(case.terms, trader, case.amount_in, 1, forward=case.forward)
        metas = [AccountMeta(Pubkey.from_string(meta.address), meta.signer, meta.writable) for meta in made.accounts]
        swap = Instruction(Pubkey.from_string(made.program), made.data, metas)
        instructions = [set_compute_unit_limit(1_400_000), swap]
        message = Message.new_with_blockhash(instructions, WALLET, Hash.default())
        return VersionedTransaction.populate(message, [Signature.default()])

    def _put(self, address: str, data: bytes, owner: str) -> None:
        self.svm.set_account(Pubkey.from_string(address), Stored(LIFT, data, Pubkey.from_string(owner)))


MAKERS: dict[str, Callable[[Random], Case]] = {
    "raydium_cpmm": cpmm_case,
    "raydium_clmm": clmm_case,
    "meteora_dlmm": dlmm_case,
    "meteora_damm_v2": damm_case,
}


@pytest.mark.parametrize("venue", MAKERS)
def test_a_program_pays_what_is_quoted_and_fails_where_nothing_is(venue: str, elf: Callable[[str], Path]) -> None:
    program, swapped, refused = Program(venue, elf(venue)), 0, 0
    for seed in range(CASES):
        case = MAKERS[venue](Random(f"{venue} {seed}"))
        paid, quoted = program.paid(case), program.quoted(case)
        swapped += isinstance(paid, int)
        refused += isinstance(quoted, str)
        # The swap asks for an output of at least 1, so that it fails where DAMM v2 would pay nothing.
        alike = paid == quoted or (isinstance(paid, str) and (not quoted or isinstance(quoted, str)))
        assert alike or quoted in SWAPS_ANYHOW, (seed, quoted, paid)
    assert min(swapped, refused) >= CASES // 8
