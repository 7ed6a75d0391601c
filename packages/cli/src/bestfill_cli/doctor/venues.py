"""The venues' plugins, and Solana if it is configured: whether they load, and whether a node answers."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from bestfill.errors import BestfillError
from bestfill.tokens import MAINNET, TokenList
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.settings import Settings, SettingsError
from bestfill_adapters.system import SystemClock
from bestfill_cli.doctor.check import Check, ok, wrong

if TYPE_CHECKING:
    from bestfill_adapters.solana.gateway import Gateway

SOLANA_S: Final = 8.0
_MEND: Final = "mend the variable that it names"


def look(settings: Settings, environ: Mapping[str, str]) -> Sequence[Check]:
    """Load the venues as the engine does; on Solana, read the pools and the key, too. Nothing is signed or sent."""
    logging.getLogger("bestfill_adapters").addHandler(logging.NullHandler())  # what fails is told here
    from bestfill_adapters.container.common import check_key, make_gateway, make_network

    clock = SystemClock()
    try:
        gateway = make_gateway(settings, clock)
        context = VenueContext(clock=clock, seed="doctor", settings=settings, environ=environ, solana=gateway)
        venues = load_venues(settings.venues, context)
    except SettingsError as error:
        return [wrong("venues", problem, _MEND) for problem in error.problems]
    found = [
        ok("venues", ", ".join(f"{name} ({venue.name})" for name, venue in zip(settings.venues, venues, strict=True)))
    ]
    if gateway is None:
        return found
    try:
        make_network(settings, venues, gateway, _no_mock)
        if settings.database_url is None:
            check_key(settings)
    except SettingsError as error:
        found += [wrong("wallet", problem, _MEND) for problem in error.problems]
    else:
        found.append(_wallet(settings))
    return [*found, _chain(gateway)]


def _wallet(settings: Settings) -> Check:
    solana = settings.solana
    if solana is None or solana.key is solana.keypair is None:
        return ok("wallet", "no key here, as for an API of the deployed mode: workers need one")
    return ok("wallet", "its key can be used" + (", and a dry run signs nothing" if solana.dry_run else ""))


def _chain(gateway: "Gateway") -> Check:
    """Read the pools as at a start. An endpoint's URL may hold a key, so it is never shown."""
    try:
        asyncio.run(asyncio.wait_for(_start(gateway), SOLANA_S))
    except TimeoutError:
        return wrong(
            "Solana", f"no endpoint answers within {SOLANA_S:g} s", "see that BESTFILL_SOLANA_RPC names a node"
        )
    except SettingsError as error:
        return wrong("Solana", "; ".join(error.problems), _MEND)
    except BestfillError as error:
        return wrong(
            "Solana", error.reason, "see that BESTFILL_SOLANA_RPC names a node, and that this machine reaches it"
        )
    return ok("Solana", "a node answers, and the pools are what the pools file says")


async def _start(gateway: "Gateway") -> None:
    try:
        await gateway.start(TokenList(MAINNET))
    finally:
        await gateway.close()


def _no_mock() -> NoReturn:
    raise AssertionError("on Solana, no mock chain is made")
