"""The mock of Meteora: about 2 % below the base price, and now and then the better one."""

from bestfill.units import Bps
from bestfill_adapters.mock.venue import MockVenue
from bestfill_adapters.plugins import VenueContext


def make(context: VenueContext) -> MockVenue:
    """Make the venue `meteora`."""
    return MockVenue("meteora", Bps(20), context, usual_winner=False)
