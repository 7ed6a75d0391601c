"""What venues and the network share: pools by venue, symbols that are nobody else's, one connection to close."""

import json
from pathlib import Path

import httpx
import pytest
from attrs import evolve

from bestfill.errors import ExecutionError
from bestfill.testing.clock import ManualClock
from bestfill.tokens import MAINNET, Token
from bestfill_adapters.settings import Hidden, SettingsError, SolanaSettings
from bestfill_adapters.solana.gateway import Gateway
from bestfill_adapters.solana.markets.raydium_cpmm import RaydiumCpmm
from tests.unit.adapters.solana.desk import Desk
from tests.unit.adapters.solana.golden import Golden
from tests.unit.adapters.solana.recorded import recording
from tools.cluster.cluster import DECIMALS


async def test_the_tokens_of_the_pools_are_added_to_those_that_are_known(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    assert len(list(desk.tokens)) == len(list(MAINNET)) + 2
    for symbol in DECIMALS:
        assert desk.tokens.resolve(symbol) == Token(symbol, desk.cluster.mints[symbol], DECIMALS[symbol])


async def test_a_symbol_that_is_another_token_s_already_is_refused(tmp_path: Path):
    desk = Desk(tmp_path)
    pools, mint = tmp_path / "pools.json", desk.cluster.mints["tBTC"]
    pools.write_text(pools.read_text().replace('"tBTC"', '"USDC"'))
    again = desk.another()
    with pytest.raises(SettingsError) as caught:
        await again.start()
    assert caught.value.problems == (
        f"BESTFILL_SOLANA_POOLS: {mint} can't be called USDC, which is another token: give it another symbol",
    )


async def test_a_known_token_keeps_its_name(tmp_path: Path):
    desk = Desk(tmp_path)
    pools, mint = tmp_path / "pools.json", desk.cluster.mints["SOL"]
    pools.write_text(pools.read_text().replace('"symbols": {', f'"symbols": {{"{mint}": "MINE", '))
    again = await desk.another().start()
    assert again.tokens.resolve("SOL").mint == mint


async def test_a_venue_without_a_pool_is_refused_with_both_ways_out(tmp_path: Path):
    desk = Desk(tmp_path)
    with pytest.raises(SettingsError) as caught:
        desk.gateway.venue(RaydiumCpmm())
    assert caught.value.problems == (
        "BESTFILL_SOLANA_POOLS: has no pool of raydium_cpmm: add one, or take raydium_cpmm out of BESTFILL_VENUES",
    )


async def test_a_pool_named_by_its_mints_is_that_of_its_address_and_stands_there_once(tmp_path: Path):
    golden = recording("raydium_cpmm").pools["std_25bps_9_6"]
    derived = {"venue": "raydium_cpmm", "mints": [golden["mint1"], golden["mint0"]], "config": golden["config"]}
    named = {"venue": "raydium_cpmm", "address": golden["pool"]}
    desk = Desk(tmp_path)
    (tmp_path / "pools.json").write_text(json.dumps({"pools": [derived, named]}))
    assert desk.settings.solana
    with pytest.raises(SettingsError, match=f"the pool {golden['pool']} is there twice"):
        Gateway(desk.settings.solana, desk.clock, desk.way).venue(RaydiumCpmm())
    (tmp_path / "pools.json").write_text(json.dumps({"pools": [{k: v for k, v in derived.items() if k != "config"}]}))
    with pytest.raises(SettingsError, match="its address follows from a config too"):
        Gateway(desk.settings.solana, desk.clock, desk.way).venue(RaydiumCpmm())


async def test_a_swap_of_a_venue_that_is_not_asked_any_more_is_still_understood(tmp_path: Path):
    """Neither real venue is in use here: the swap is built and simulated, for want of the program in vain."""
    desk, golden = await Desk(tmp_path).start(), await Golden("raydium_cpmm", "std_25bps_9_6").start()
    quote = await golden.venue.quote(golden.request(10**9))
    leg = await golden.venue.leg(quote, quote.amount_out)
    plan = evolve(
        await desk.plan(),
        output_mint=leg.output_mint,
        amount_in=leg.amount_in,
        min_out=leg.min_out,
        route=(leg,),
    )
    with pytest.raises(ExecutionError, match="the swap would fail: "):
        await desk.network.sign(plan)
    assert desk.way.asked[-1] == "simulateTransaction"


class Door(httpx.MockTransport):
    closed = False

    async def aclose(self) -> None:
        self.closed = True


async def test_closing_it_closes_the_connections(tmp_path: Path):
    Desk(tmp_path)
    door = Door(lambda _: httpx.Response(500))
    settings = SolanaSettings(rpc=(Hidden("http://node/"),), pools=tmp_path / "pools.json")
    gateway = Gateway(settings, ManualClock(), door)
    await gateway.close()
    assert door.closed
