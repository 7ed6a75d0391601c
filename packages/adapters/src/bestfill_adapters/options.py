"""The command line of the services: settings come from the environment, and one of them has an option too."""

import argparse
from collections.abc import Sequence

from bestfill_adapters.settings.solana import DRY_RUN


def read(program: str, arguments: Sequence[str]) -> dict[str, str]:
    """Give what a command line sets, as variables of the environment; exits by itself if it is not valid."""
    parser = argparse.ArgumentParser(prog=program, description="Settings come from the environment; see .env.example.")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="on Solana: stop each order after its swap was simulated, and sign nothing",
    )
    return {DRY_RUN: "true"} if parser.parse_args(arguments).dry_run else {}
