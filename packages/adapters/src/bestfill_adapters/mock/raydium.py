"""The mock of Raydium: mostly the better one, about 0.5 % above the base price."""

from bestfill.units import Bps
from bestfill_adapters.mock.venue import MockVenue
from bestfill_adapters.plugins import VenueContext


def make(context: VenueContext) -> MockVenue:
    """Make the venue `raydium`."""
    return MockVenue("raydium", Bps(25), context, usual_winner=True)
