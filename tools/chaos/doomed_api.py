"""The API of the chaos run: the real one, whose ports have failpoints."""

import sys
from typing import cast

from bestfill_adapters.container.deployed import Deployed
from bestfill_adapters.settings import Settings
from bestfill_api import __main__ as service
from bestfill_api.app import Mode, Running, mode
from tools.chaos.briefing import betray


def doomed(settings: Settings) -> tuple[Mode, Running]:
    """Give the deployed mode over the ports that the briefing asks for."""
    container, running = mode(settings)
    betray(cast("Deployed", container))  # both URLs are always set here
    return container, running


if __name__ == "__main__":
    service.mode = doomed  # pyright: ignore[reportPrivateImportUsage]
    sys.exit(service.main())
