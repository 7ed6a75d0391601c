"""A worker that gives what it has in hand but a moment when it is told to stop."""

import sys

from bestfill_worker import __main__ as service
from bestfill_worker import actors, loop


class HastyLoop(loop.OrderLoop):
    def __init__(self, container: loop.Deployed) -> None:
        super().__init__(container, grace_s=0.5)


# Also in the process that Dramatiq makes, be it forked or not.
actors.OrderLoop = HastyLoop

if __name__ == "__main__":
    sys.exit(service.main())
