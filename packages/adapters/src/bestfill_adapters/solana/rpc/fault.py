"""What an endpoint did instead of answering."""

from bestfill.units import Millis


class Fault(Exception):
    """One try at one endpoint came to nothing; never leaves this package.

    Args:
        reason: goes on from "endpoint 1 of 2 "; in our own words alone, since what comes from outside may hold a key.
        ails: the endpoint itself is not well, so others are asked first for a while.
        wait_until: not to be asked again before; None if it did not say.
        slow_down: it was asked too often.
    """

    def __init__(
        self, reason: str, *, ails: bool = True, slow_down: bool = False, wait_until: Millis | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.ails, self.slow_down, self.wait_until = reason, ails, slow_down, wait_until


def nonsense(method: str, where: str = "") -> Fault:
    """Make the fault of an answer that is not what the method's should be."""
    return Fault(f"answered {method} with something else than it should{where}")
