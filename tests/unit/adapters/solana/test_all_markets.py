"""Swaps of every market, from recorded pools: they fit a transaction, are read back, and can't be bent unseen."""

import pytest
from attrs import evolve, frozen
from solders.message import from_bytes_versioned

from bestfill.errors import ExecutionError
from bestfill.quote import SwapPlan
from bestfill.units import U64_MAX, Mint, base58_decode
from bestfill_adapters.solana.frame import token_accounts
from bestfill_adapters.solana.legs import LegTerms, encode_leg
from bestfill_adapters.solana.market import Instruction, Market, Trader
from bestfill_adapters.solana.markets.meteora_damm_v2 import MeteoraDammV2
from bestfill_adapters.solana.markets.meteora_dlmm import MOST_ARRAYS as MOST_BIN_ARRAYS
from bestfill_adapters.solana.markets.meteora_dlmm import MeteoraDlmm
from bestfill_adapters.solana.markets.raydium_clmm import MOST_ARRAYS as MOST_TICK_ARRAYS
from bestfill_adapters.solana.markets.raydium_clmm import RaydiumClmm
from bestfill_adapters.solana.markets.raydium_cpmm import RaydiumCpmm
from bestfill_adapters.solana.transaction import TRANSACTION_MAX_BYTES, unsigned
from tests.unit.adapters.solana.recorded import pool_of, recording, refused, with_meta
from tests.unit.adapters.solana.toys import SOL, WALLET, address, built, checked, plan

BUILT_IN: list[Market] = [RaydiumCpmm(), RaydiumClmm(), MeteoraDlmm(), MeteoraDammV2()]
MOST_ARRAYS = {"raydium_clmm": MOST_TICK_ARRAYS, "meteora_dlmm": MOST_BIN_ARRAYS}
FREE = {"raydium_cpmm": {1}, "raydium_clmm": {1, 6}, "meteora_dlmm": set[int](), "meteora_damm_v2": set[int]()}
"""Which terms, besides arrays, nothing but the program itself holds against the pool: config and observation."""
FIXED = {"raydium_cpmm": 7, "raydium_clmm": 8, "meteora_dlmm": 6, "meteora_damm_v2": 5}


@frozen
class Swap:
    """A recorded swap as a plan."""

    market: Market
    terms: LegTerms
    plan: SwapPlan

    def built(self, **bend: object) -> bytes:
        return built(self.plan, markets={self.market.name: self.market}, **bend)

    def checked(self, message: bytes, whole: SwapPlan | None = None) -> None:
        checked(message, whole or self.plan, markets={self.market.name: self.market}, cosigners=())


def swap(market: Market, *, forward: bool) -> Swap:
    """Plan the first recorded swap of a market that paid something."""
    case = next(c for c in recording(market.name).cases if c.amount_out and c.forward is forward)
    pool, snapshot = pool_of(market.name, case.pool)
    mints = market.mints(pool, snapshot)
    priced = market.price(pool, evolve(snapshot, now=case.now), case.amount_in, forward=forward)
    terms = market.terms(pool, snapshot, priced, forward=forward)
    told = LegTerms(market=market.name, pool=pool, forward=forward, terms=terms)
    usual = plan(*(mints if forward else mints[::-1]), ("toy_call", case.amount_in, priced.amount_out))
    return Swap(market, told, with_terms(usual, told))


def with_terms(whole: SwapPlan, terms: LegTerms) -> SwapPlan:
    return evolve(whole, route=(evolve(whole.route[0], payload=encode_leg(terms)),))


MARKETS = pytest.mark.parametrize("market", BUILT_IN, ids=lambda market: market.name)


@MARKETS
@pytest.mark.parametrize("forward", [True, False], ids=["forward", "back"])
@pytest.mark.parametrize("missing", [False, True], ids=["existing", "missing"])
def test_a_recorded_swap_is_built_and_read_back_as_its_plan(market: Market, forward: bool, missing: bool):
    found = swap(market, forward=forward)
    found.checked(found.built(missing=missing))


@MARKETS
def test_the_longest_swap_with_all_that_may_stand_around_it_fits_a_transaction(market: Market):
    found = swap(market, forward=True)
    pair = {"input_mint": SOL, "output_mint": Mint(address(90))}
    renamed = {found.plan.input_mint: SOL, found.plan.output_mint: pair["output_mint"]}
    fixed = [renamed.get(Mint(word), word) for word in found.terms.terms[: FIXED[market.name]]]
    arrays = [address(n) for n in range(100, 100 + MOST_ARRAYS.get(market.name, 0))]
    whole = evolve(found.plan, route=(evolve(found.plan.route[0], **pair),), attempt=100, **pair)
    longest = evolve(found, plan=with_terms(whole, evolve_terms(found.terms, (*fixed, *arrays))))
    assert len(unsigned(longest.built(missing=True))) <= TRANSACTION_MAX_BYTES
    if arrays:
        longer = evolve_terms(found.terms, (*fixed, *arrays, address(89)))
        with pytest.raises(ExecutionError):
            evolve(longest, plan=with_terms(whole, longer)).built(missing=True)


def evolve_terms(terms: LegTerms, words: tuple[str, ...]) -> LegTerms:
    return LegTerms(market=terms.market, pool=terms.pool, forward=terms.forward, terms=words)


@MARKETS
def test_terms_that_name_an_account_of_the_wallet_are_refused(market: Market):
    found = swap(market, forward=True)
    for place in range(len(found.terms.terms)):
        for account in (WALLET, *token_accounts(found.plan, WALLET)):
            words = list(found.terms.terms)
            words[place] = account
            bent = evolve(found, plan=with_terms(found.plan, evolve_terms(found.terms, tuple(words))))
            with pytest.raises(ExecutionError):
                bent.checked(bent.built())


@MARKETS
def test_an_address_that_is_changed_in_the_message_is_seen(market: Market):
    found = swap(market, forward=True)
    original = found.built(missing=True)
    keys = [str(k) for k in from_bytes_versioned(original).account_keys]
    thief, unseen = base58_decode(address(66)), set[str]()
    for number, key in enumerate(keys):
        place = 5 + 32 * number
        bent = original[:place] + thief + original[place + 32 :]
        try:
            found.checked(bent)
        except ExecutionError:
            continue
        unseen.add(key)
    words = found.terms.terms
    assert unseen == {words[n] for n in FREE[market.name]} | set(words[FIXED[market.name] :])


@MARKETS
def test_an_account_may_be_allowed_more_than_a_swap_asks_for_but_not_less(market: Market):
    (whole,) = instructions(swap(market, forward=True))
    for place, meta in enumerate(whole.accounts):
        more = with_meta(whole, place, writable=True, signer=True)
        assert market.read_swap([more]) == market.read_swap([whole])
        if meta.writable or meta.signer:
            with refused("not_a_swap"):
                market.read_swap([with_meta(whole, place, writable=False, signer=False)])


@MARKETS
@pytest.mark.parametrize(("amount_in", "min_out"), [(0, 1), (1, 0), (U64_MAX + 1, 1), (1, U64_MAX + 1), (-1, 1)])
def test_a_swap_of_nothing_for_nothing_or_of_too_much_is_not_made(market: Market, amount_in: int, min_out: int):
    with refused("bad_amount"):
        instructions(swap(market, forward=True), amount_in, min_out)


def instructions(found: Swap, amount_in: int = 5, min_out: int = 3) -> tuple[Instruction, ...]:
    source, destination = token_accounts(found.plan, WALLET)
    trader = Trader(wallet=WALLET, source=source, destination=destination)
    return found.market.swap(found.terms.terms, trader, amount_in, min_out, forward=True)


@pytest.mark.parametrize("name", ["raydium_cpmm", "raydium_clmm", "meteora_damm_v2"])
def test_a_recorded_pool_is_where_its_mints_and_config_say_in_either_order(name: str):
    market = next(market for market in BUILT_IN if market.name == name)
    for roles in recording(name).pools.values():
        mints = [str(roles[role]) for role in ("mint0", "mint1", "mint_a", "mint_b") if role in roles]
        for pair in ((mints[0], mints[1]), (mints[1], mints[0])):
            assert market.pool_of(pair, str(roles.get("config", ""))) == roles["pool"]


def test_a_damm_pool_of_a_config_is_another_than_one_without():
    market, mints = MeteoraDammV2(), (address(1), address(2))
    assert len({market.pool_of(mints, config) for config in ("", address(3), address(4))}) == 3


def test_where_an_address_does_not_follow_it_has_to_be_given():
    mints = (address(1), address(2))
    with refused("not_derived"):
        MeteoraDlmm().pool_of(mints, "")
    for market in RaydiumCpmm(), RaydiumClmm():
        with refused("not_derived"):
            market.pool_of(mints, "")
