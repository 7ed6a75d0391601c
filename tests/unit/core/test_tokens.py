"""Orders name tokens by mint or symbol; whatever else they say is refused with a hint."""

import pytest

from bestfill.errors import ValidationError
from bestfill.tokens import MAINNET, Token, TokenList
from bestfill.units import Mint, to_mint


def test_every_listed_mint_is_a_mint():
    assert [to_mint(token.mint) for token in MAINNET] == [token.mint for token in MAINNET]


def test_resolves_symbol_and_mint_to_the_same_token():
    assert MAINNET.resolve("USDC") is MAINNET.resolve("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")


def test_the_founding_sample_is_refused_with_its_character_and_a_suggestion():
    with pytest.raises(ValidationError) as refused:
        MAINNET.resolve("EPjFWaJiy6vPE0rmxfXsKX9AsKPMjZqzN5j8mSqVEGGV")
    assert "character 14 is '0'" in refused.value.reason
    assert "did you mean USDC (EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v)?" in refused.value.reason


@pytest.mark.parametrize("text", ["usdc", "Sol"])
def test_a_symbol_in_the_wrong_case_is_refused_with_a_suggestion(text):
    with pytest.raises(ValidationError, match="did you mean"):
        MAINNET.resolve(text)


@pytest.mark.parametrize("text", ["", "NOPE", "ＳＯＬ", "S\u041eL", "SOL\0", " SOL", "x" * 10_000])
def test_an_unknown_name_is_refused(text):
    with pytest.raises(ValidationError):
        MAINNET.resolve(text)


def test_a_mint_of_unknown_decimals_is_refused():
    with pytest.raises(ValidationError, match="unknown decimals"):
        MAINNET.resolve("11111111111111111111111111111111")


def test_a_list_with_a_token_twice_is_refused():
    token = Token("A", Mint("11111111111111111111111111111111"), 6)
    with pytest.raises(ValueError, match="twice"):
        TokenList([token, token])


@pytest.mark.parametrize("decimals", [-1, 256])
def test_decimals_fit_a_byte(decimals):
    with pytest.raises(ValueError, match="decimals"):
        Token("A", Mint("11111111111111111111111111111111"), decimals)
