"""The factories of the venues on Solana, and which venues go together."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers

from bestfill.testing.clock import ManualClock
from bestfill_adapters.container import Embedded, start
from bestfill_adapters.container.common import make_gateway
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.settings import Settings, SettingsError, load
from tests.unit.adapters.solana.desk import Desk
from tests.unit.adapters.solana.golden import MARKETS
from tests.unit.adapters.solana.nodes import address
from tools.cluster.cluster import VENUES, write_keypair


def environ(folder: Path, *venues: str, **more: str) -> dict[str, str]:
    """Give settings as of a cluster whose files are there."""
    desk = Desk(folder)
    write_keypair(folder / "wallet.json", desk.cluster.wallet)
    return {
        "BESTFILL_SOLANA_RPC": "http://127.0.0.1:1/hunter2",
        "BESTFILL_SOLANA_KEYPAIR": str(folder / "wallet.json"),
        "BESTFILL_SOLANA_POOLS": str(folder / "pools.json"),
        "BESTFILL_DATA_DIR": str(folder / "data"),
        **({"BESTFILL_VENUES": ",".join(venues)} if venues else {}),
        **more,
    }


def container(given: Mapping[str, str]) -> Embedded:
    made = Embedded()
    made.environ.override(providers.Object(given))
    return made


def problem(make: Callable[[], object]) -> str:
    with pytest.raises(SettingsError) as caught:
        make()
    (told,) = caught.value.problems
    assert "hunter2" not in told
    return told


def context(settings: Settings) -> VenueContext:
    clock = ManualClock()
    return VenueContext(clock=clock, seed="", settings=settings, environ={}, solana=make_gateway(settings, clock))


@pytest.mark.parametrize("name", [*MARKETS, *VENUES])
def test_without_a_chain_a_venue_says_what_to_set(name: str):
    told = problem(lambda: load_venues([name], context(Settings())))
    assert told == (
        f"BESTFILL_VENUES: {name!r} cannot start: {name} trades on Solana: "
        "set BESTFILL_SOLANA_RPC and the variables that go with it"
    )


def test_each_factory_makes_the_venue_of_its_name_from_the_pools_file(tmp_path: Path):
    given = environ(tmp_path, *MARKETS)
    pools = [{"venue": name, "address": address(number)} for number, name in enumerate(MARKETS, 1)]
    Path(given["BESTFILL_SOLANA_POOLS"]).write_text(json.dumps({"pools": pools}))
    venues = load_venues(tuple(MARKETS), context(load(given)))
    assert [venue.name for venue in venues] == list(MARKETS)


@pytest.mark.parametrize("mocks", [["mock_raydium"], ["mock_raydium", "mock_meteora"]])
def test_mocks_do_not_go_with_venues_on_solana_and_are_named(tmp_path: Path, mocks: list[str]):
    made = container(environ(tmp_path, *VENUES, *mocks))
    assert problem(made.runner) == (
        f"BESTFILL_VENUES: {', '.join(mocks)}: does not trade on Solana; "
        "name only venues that do, such as raydium_cpmm, or unset BESTFILL_SOLANA_RPC"
    )
    assert not (tmp_path / "data").exists()


def test_the_mocks_by_default_do_not_go_with_a_chain_either(tmp_path: Path):
    told = problem(container(environ(tmp_path)).runner)
    assert told.startswith("BESTFILL_VENUES: mock_raydium, mock_meteora: does not trade on Solana")


def test_a_key_that_cannot_be_used_is_told_before_anything_starts(tmp_path: Path):
    given = environ(tmp_path, *VENUES)
    Path(given["BESTFILL_SOLANA_KEYPAIR"]).chmod(0o644)
    assert problem(container(given).runner).startswith("BESTFILL_SOLANA_KEYPAIR: ")


async def test_who_executes_orders_needs_a_key_and_who_only_looks_does_not(tmp_path: Path):
    given = environ(tmp_path, *VENUES)
    del given["BESTFILL_SOLANA_KEYPAIR"]
    made = container(given)
    assert made.network()
    with pytest.raises(SettingsError, match="BESTFILL_SOLANA_KEYPAIR: must be set for whoever executes orders"):
        await start(made)
    assert not (tmp_path / "data").exists()


def edited(folder: Path, edit: Callable[[dict[str, Any], dict[str, Any]], object]) -> str:
    """Give the problem of a pools file whose first entry, and its options, were edited."""
    given = environ(folder, *VENUES)
    path = Path(given["BESTFILL_SOLANA_POOLS"])
    pools = json.loads(path.read_text())
    entry = pools["pools"][0]
    edit(entry, entry["options"])
    path.write_text(json.dumps(pools))
    told = problem(lambda: load_venues(VENUES, context(load(given))))
    head = "BESTFILL_VENUES: 'transfer_pool_a' cannot start: BESTFILL_SOLANA_POOLS: "
    assert told.startswith(head) and told.count("BESTFILL_SOLANA") == 1
    assert entry["address"] in told
    return told.removeprefix(head)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"fee_bps": "30"}, "fee_bps"),
        ({"fee_bps": None}, "fee_bps"),
        ({"fee_bps": 10_000}, "9999"),
        ({"fee_bps": -1}, "9999"),
        ({"fees": 1}, "fees"),
        ({"keypair": 5}, "keypair"),
        ({"keypair": "/nowhere/hunter3"}, "there is no such file"),
        ({"mints": ["So11111111111111111111111111111111111111112"]}, "mints"),
        ({"mints": ["So11111111111111111111111111111111111111112"] * 2}, "two different mints"),
        ({"mints": ["x", "So11111111111111111111111111111111111111112"]}, "mint"),
    ],
)
def test_options_of_a_transfer_pool_that_are_wrong_are_told_with_the_pool(tmp_path: Path, options: dict, reason: str):
    assert reason in edited(tmp_path, lambda _, given: given.update(options))


def test_a_pool_with_another_s_keypair_is_refused(tmp_path: Path):
    other = str(tmp_path / "wallet.json")
    assert "has the keypair of" in edited(tmp_path, lambda _, given: given.update(keypair=other))


def test_a_keypair_that_others_may_read_is_refused(tmp_path: Path):
    assert "chmod 600" in edited(tmp_path, lambda _, given: Path(given["keypair"]).chmod(0o640))


def test_a_venue_without_pools_is_told_once(tmp_path: Path):
    given = environ(tmp_path, *VENUES)
    path = Path(given["BESTFILL_SOLANA_POOLS"])
    pools = json.loads(path.read_text())
    path.write_text(json.dumps({"pools": pools["pools"][2:]}))
    told = problem(lambda: load_venues(VENUES, context(load(given))))
    assert told == (
        "BESTFILL_VENUES: 'transfer_pool_a' cannot start: BESTFILL_SOLANA_POOLS: has no pool of transfer_pool_a: "
        "add one, or take transfer_pool_a out of BESTFILL_VENUES"
    )


def test_a_pool_of_a_real_program_takes_no_options(tmp_path: Path):
    given = environ(tmp_path, "raydium_cpmm")
    pool = {"venue": "raydium_cpmm", "address": address(7), "options": {"fee_bps": 30}}
    (tmp_path / "pools.json").write_text(json.dumps({"pools": [pool]}))
    told = problem(lambda: load_venues(["raydium_cpmm"], context(load(given))))
    assert told.endswith(f"the pool {address(7)} takes no options; take them out")
