"""The chaos run's audit, as these tests use it: whoever was refused has left nothing."""

from attrs import frozen

from tools.chaos import audit as chaos
from tools.chaos.crowd import Crowd


@frozen
class Stalls:
    """How long the stories stood still, in milliseconds between two events of an order: the longest, and the median of
    each order's longest."""

    longest: int
    median: int


async def audit(database_url: str, clients: Crowd) -> Stalls:
    """Hold everything against everything.

    Raises:
        AssertionError: something is lost, doubled, or told wrongly.
    """
    found = await chaos.audit(database_url, clients)
    assert not found.violations, "\n".join(map(str, found.violations))
    assert not found.untold, "orders are stored though their clients were refused"
    return Stalls(*found.stalls_ms)
