"""The operator's bounds as the settings say them: in symbols and display units."""

from pathlib import Path

import pytest

from bestfill.mandate import UNBOUND, Mandate
from bestfill.testing.fakes import FakeVenue
from bestfill.testing.samples import SOL, USDC
from bestfill.tokens import MAINNET, Token, TokenList
from bestfill.units import Mint
from bestfill_adapters.container import Embedded, start
from bestfill_adapters.container.mandate import make_mandate
from bestfill_adapters.settings import SettingsError, load

VENUES = [FakeVenue("raydium"), FakeVenue("meteora")]
WIF = Token("$WIF", Mint("EKpQGSJtjMFqKZ9KQanSqYXRcF8fBopzLHYxdM65zcjm"), 6)


def made(tokens: TokenList = MAINNET, **settings: str) -> Mandate:
    return make_mandate(load({f"BESTFILL_{name}": text for name, text in settings.items()}), tokens, VENUES)


def problem(**settings: str) -> str:
    with pytest.raises(SettingsError) as caught:
        made(**settings)
    (line,) = caught.value.problems
    return line


def test_nothing_is_bound_by_default():
    assert made() == UNBOUND


def test_bounds_are_by_mint_and_in_base_units():
    bounds = made(
        MAX_PRICE_IMPACT="1.5",
        MAX_DEVIATION="2",
        MAX_NOTIONAL=f"SOL=0.5,{USDC.mint}=15000",
        MAX_NOTIONAL_DAY="SOL=100",
        ALLOW_TOKENS="SOL,USDC",
        DENY_TOKENS="BONK",
        ALLOW_VENUES="mock_raydium,meteora",
    )
    assert bounds == Mandate(
        max_price_impact_bps=150,
        max_deviation_bps=200,
        max_notional={SOL.mint: 5 * 10**8, USDC.mint: 15_000 * 10**6},
        max_notional_day={SOL.mint: 100 * 10**9},
        allowed_tokens={SOL.mint, USDC.mint},
        denied_tokens={MAINNET.resolve("BONK").mint},
        allowed_venues={"raydium", "meteora"},
    )


def test_a_wrong_name_or_amount_is_told_with_its_variable_and_token():
    assert problem(MAX_NOTIONAL="sol=1").startswith("BESTFILL_MAX_NOTIONAL: sol is not a known symbol")
    assert "did you mean SOL" in problem(DENY_TOKENS="sol")
    assert problem(ALLOW_TOKENS="SOL,NOPE").startswith("BESTFILL_ALLOW_TOKENS: NOPE is not")
    too_fine = problem(MAX_NOTIONAL_DAY="USDC=0.1234567")
    assert (
        too_fine
        == "BESTFILL_MAX_NOTIONAL_DAY: USDC=0.1234567: the amount has 7 decimal places, but the token has only 6"
    )
    assert "must be at most" in problem(MAX_NOTIONAL="SOL=99999999999")
    assert "named twice" in problem(MAX_NOTIONAL=f"SOL=1,{SOL.mint}=2")
    venue = problem(ALLOW_VENUES="raydium,orca")
    assert venue.startswith("BESTFILL_ALLOW_VENUES: orca: is not among BESTFILL_VENUES; there are meteora, mock_")


def test_tokens_that_come_with_the_pools_can_be_named():
    tokens = TokenList([*MAINNET, WIF])
    assert made(tokens, MAX_NOTIONAL="$WIF=2").max_notional == {WIF.mint: 2_000_000}


async def test_a_bad_bound_is_found_before_anything_is_opened(tmp_path: Path):
    container = Embedded()
    container.environ.override({"BESTFILL_DENY_TOKENS": "NOPE", "BESTFILL_DATA_DIR": str(tmp_path / "var")})
    with pytest.raises(SettingsError, match="NOPE"):
        await start(container)
    assert not (tmp_path / "var").exists()
