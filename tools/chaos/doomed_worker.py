"""The worker of the chaos run: the real one, whose ports have failpoints and whose venues and network have trouble."""

import sys

from bestfill_adapters.container.deployed import Deployed
from bestfill_worker import __main__ as service
from bestfill_worker import actors, loop
from tools.chaos.briefing import betray


class DoomedLoop(loop.OrderLoop):
    """Runs orders over the ports that the briefing asks for."""

    def __init__(self, container: Deployed) -> None:
        betray(container)
        super().__init__(container)


# Also in the process that Dramatiq makes, be it forked or not.
actors.OrderLoop = DoomedLoop  # pyright: ignore[reportPrivateImportUsage]

if __name__ == "__main__":
    sys.exit(service.main())
