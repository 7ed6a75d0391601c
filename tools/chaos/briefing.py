"""What a service of the chaos run is told by the environment, and how its parts are put in the place of the usual."""

from collections.abc import Mapping
from typing import Final, Self

import msgspec
from attrs import field, frozen
from dependency_injector import providers

from bestfill_adapters.container.deployed import Deployed
from tools.chaos.doom import Doom
from tools.chaos.failpoints import DoomedNetwork, DoomedNotifier, DoomedQueue, DoomedStore
from tools.chaos.troubles import Forecast, TroubledVenue

VARIABLE: Final = "CHAOS_BRIEFING"


@frozen
class Briefing:
    """Where this process will kill itself, and when its venues and its network are in trouble."""

    doom: Doom = field(factory=Doom)
    forecast: Forecast = field(factory=Forecast)

    def environ(self) -> dict[str, str]:
        """Give it as a variable of the environment."""
        return {VARIABLE: msgspec.json.encode(self).decode()}

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read it. Raises msgspec.ValidationError: it is not as `environ` makes it."""
        return msgspec.json.decode(environ[VARIABLE], type=cls)


def betray(container: Deployed) -> None:
    """Replace the parts through which a service meets the world by those that do as the briefing says."""
    briefing, settings = Briefing.read(container.environ()), container.settings
    doom, forecast, one = briefing.doom, briefing.forecast, providers.Singleton
    container.store.override(one(DoomedStore, settings.provided.database_url, doom))
    container.notifier.override(one(DoomedNotifier, settings.provided.redis_url, doom))
    container.queue.override(one(DoomedQueue, settings.provided.redis_url, settings.provided.concurrency, doom))
    container.network.override(
        one(
            DoomedNetwork,
            doom,
            forecast,
            ledger=container.ledger,
            clock=container.clock,
            settings=settings.provided.mock,
            seed=container.seed,
        )
    )
    venues = [TroubledVenue(venue, container.clock(), forecast) for venue in container.venues()]
    container.venues.override(providers.Object(venues))
