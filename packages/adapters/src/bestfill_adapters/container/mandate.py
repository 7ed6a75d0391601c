"""Makes the operator's bounds of what the settings say, by the tokens and venues that there are."""

from collections.abc import Iterable, Sequence

from bestfill.errors import ValidationError
from bestfill.mandate import ALLOW_TOKENS, ALLOW_VENUES, DENY_TOKENS, MAX_NOTIONAL, MAX_NOTIONAL_DAY, Mandate
from bestfill.ports import Venue
from bestfill.tokens import Token, TokenList
from bestfill.units import BaseUnits, Mint, to_base_units
from bestfill_adapters.settings import Settings, SettingsError


def make_mandate(settings: Settings, tokens: TokenList, venues: Sequence[Venue]) -> Mandate:
    """Make the bounds. On Solana the tokens of the pools are in the list only once the chain was asked.

    Raises:
        SettingsError: a token or venue is not there, or an amount is too fine for its token.
    """
    given = settings.mandate
    return Mandate(
        max_price_impact_bps=given.max_price_impact_bps,
        max_deviation_bps=given.max_deviation_bps,
        max_notional=_amounts(MAX_NOTIONAL, given.max_notional, tokens),
        max_notional_day=_amounts(MAX_NOTIONAL_DAY, given.max_notional_day, tokens),
        allowed_tokens=None if given.allow_tokens is None else _mints(ALLOW_TOKENS, given.allow_tokens, tokens),
        denied_tokens=_mints(DENY_TOKENS, given.deny_tokens, tokens),
        allowed_venues=None if given.allow_venues is None else _venues(given.allow_venues, settings.venues, venues),
    )


def _mints(variable: str, names: Iterable[str], tokens: TokenList) -> frozenset[Mint]:
    return frozenset(_resolved(variable, name, tokens).mint for name in names)


def _amounts(variable: str, pairs: Sequence[tuple[str, str]] | None, tokens: TokenList) -> dict[Mint, BaseUnits] | None:
    if pairs is None:
        return None
    amounts: dict[Mint, BaseUnits] = {}
    for name, text in pairs:
        token = _resolved(variable, name, tokens)
        if token.mint in amounts:
            raise SettingsError([f"{variable}: {name} is named twice; take one out"])
        try:
            amounts[token.mint] = to_base_units(text, token.decimals)
        except ValidationError as error:
            raise SettingsError([f"{variable}: {name}={text}: the amount {error.reason}"]) from None
    return amounts


def _resolved(variable: str, name: str, tokens: TokenList) -> Token:
    try:
        return tokens.resolve(name)
    except ValidationError as error:
        raise SettingsError([f"{variable}: {name} {error.reason}"]) from None


def _venues(names: Sequence[str], plugins: Sequence[str], venues: Sequence[Venue]) -> frozenset[str]:
    """Take a venue's name either as BESTFILL_VENUES has it or as clients see it."""
    known = {venue.name: venue.name for venue in venues}
    known |= {plugin: venue.name for plugin, venue in zip(plugins, venues, strict=True)}
    if unknown := ", ".join(name for name in names if name not in known):
        mend = f"there are {', '.join(sorted(known))}"
        raise SettingsError([f"{ALLOW_VENUES}: {unknown}: is not among BESTFILL_VENUES; {mend}"])
    return frozenset(known[name] for name in names)
