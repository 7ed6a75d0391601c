"""Pools and mints are what the pools file says, or the start is refused with the pool's address and the mend."""

from itertools import pairwise

import pytest

from bestfill.errors import NetworkUnavailable
from bestfill.tokens import MAINNET, Token
from bestfill.units import Mint
from bestfill_adapters.settings import SettingsError
from bestfill_adapters.solana.account import SPL_TOKEN
from bestfill_adapters.solana.directory import Directory, Side
from bestfill_adapters.solana.rpc import ACCOUNTS_MAX
from tests.unit.adapters.solana.golden import MARKETS, Golden
from tests.unit.adapters.solana.nodes import account, address
from tests.unit.adapters.solana.shelf import EUR, USD, Shelf, Stall, pool_data
from tools.cluster.accounts import mint_account

TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
USDC = MAINNET.resolve("USDC").mint


async def refused(stall: Stall) -> str:
    with pytest.raises(SettingsError) as caught:
        await stall.directory.load()
    (problem,) = caught.value.problems
    assert problem.startswith(f"BESTFILL_SOLANA_POOLS: the pool {stall.pools[0]} ")
    assert problem.endswith("; mend its entry, or leave it out")
    return problem


async def test_a_pool_is_found_from_both_sides_in_the_configured_order():
    stall = await Stall([pool_data(), pool_data(pair=(EUR, USD)), pool_data()]).start()
    one, two, three = stall.pools
    assert list(stall.directory.sides("shelf", USD, EUR)) == [Side(one, True), Side(two, False), Side(three, True)]
    assert list(stall.directory.sides("shelf", EUR, USD)) == [Side(one, False), Side(two, True), Side(three, False)]
    for nobody_s in (("shelf", USD, USD), ("shelf", USD, USDC), ("raydium_cpmm", USD, EUR)):
        assert not stall.directory.sides(nobody_s[0], Mint(nobody_s[1]), Mint(nobody_s[2]))


async def test_tokens_are_called_by_the_file_or_as_everywhere_or_else_by_their_mint():
    pair = (USD, USDC)
    stall = await Stall([pool_data(), pool_data(pair=pair)], decimals={USD: 6, EUR: 8, USDC: 6}).start()
    assert list(stall.directory.tokens()) == [Token(USD, USD, 6), Token("tEUR", EUR, 8), Token("USDC", USDC, 6)]
    assert (stall.directory.decimals(EUR), stall.directory.decimals(Mint(address(5)))) == (8, None)


async def test_a_pool_that_is_not_there_or_another_s_is_refused():
    stall = Stall([pool_data()])
    told = stall.accounts.pop(stall.pools[0])
    assert "cannot be traded at shelf: the account " in await refused(stall)
    stall.accounts[stall.pools[0]] = told | {"owner": SPL_TOKEN}
    assert "cannot be traded at shelf: it is no shelf" in await refused(stall)


@pytest.mark.parametrize("name", MARKETS)
async def test_a_pool_of_another_real_venue_is_refused(name: str):
    other = ("meteora_dlmm", "sol_usdc_capture") if name == "raydium_cpmm" else ("raydium_cpmm", "std_25bps_9_6")
    foreign = Golden(*other)
    directory = Directory(foreign.rpc, {})
    directory.enter(MARKETS[name](), foreign.addresses)
    with pytest.raises(SettingsError, match=f"{foreign.addresses[0]} cannot be traded at {name}: "):
        await directory.load()


async def test_a_pool_of_one_token_is_refused():
    assert "trades a token for itself" in await refused(Stall([pool_data(pair=(USD, USD))]))


@pytest.mark.parametrize(
    "told",
    [
        None,
        account(mint_account(6), TOKEN_2022),
        account(mint_account(6) + bytes(200), TOKEN_2022),
        account(mint_account(6)[:-1], SPL_TOKEN),
        account(mint_account(6) + bytes(83), SPL_TOKEN),  # as long as a token account
        account(mint_account(6)[:45] + b"\0" + mint_account(6)[46:], SPL_TOKEN),
        account(mint_account(39), SPL_TOKEN),
        account(b"", SPL_TOKEN),
    ],
    ids=["missing", "token-2022", "extensions", "short", "token account", "not made", "decimals", "empty"],
)
async def test_what_is_no_plain_mint_is_refused(told: object):
    stall = Stall([pool_data()])
    stall.accounts[USD] = told
    problem = await refused(stall)
    assert f"trades {USD}, which is not a mint " in problem


async def test_a_known_mint_with_other_decimals_is_another_chain_s_and_refused():
    stall = Stall([pool_data(pair=(USDC, EUR))], decimals={USDC: 9, EUR: 8})
    assert f"trades {USDC}, known as USDC, but with other decimals" in await refused(stall)


async def test_many_pools_are_read_in_parts_none_older_than_the_one_before():
    mints = [Mint(address(3_000 + number)) for number in range(251)]
    pools = [pool_data(pair=pair) for pair in pairwise(mints)]
    stall = Stall(pools, decimals=dict.fromkeys(mints, 6))
    await stall.directory.load()
    asked = [params for _, params in stall.node.asked]
    assert [len(addresses) for addresses, _ in asked] == [
        ACCOUNTS_MAX,
        ACCOUNTS_MAX,
        50,
        ACCOUNTS_MAX,
        ACCOUNTS_MAX,
        51,
    ]
    assert [config.get("minContextSlot") for _, config in asked] == [None, 1_001, 1_002, None, 1_004, 1_005]
    assert all(stall.directory.sides("shelf", mints[n], mints[n + 1]) for n in range(250))


async def test_without_an_answer_it_is_the_chain_that_is_to_blame():
    stall = Stall([pool_data()])
    stall.node.answers["getMultipleAccounts"] = ConnectionRefusedError()
    with pytest.raises(NetworkUnavailable):
        await stall.directory.load()


async def test_an_empty_directory_asks_nothing():
    stall = Stall()
    directory = Directory(stall.rpc, {})
    directory.enter(Shelf(), [])
    await directory.load()
    assert stall.node.asked == [] and list(directory.tokens()) == []
