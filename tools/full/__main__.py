"""Runs the deployed mode on this machine; see ./dev help."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from bestfill_adapters.settings import SettingsError, load
from tools.full.deployment import Deployment


def main() -> int:
    """Run until told to stop; return the exit code: 1 if something failed, 2 if the call or a setting is not valid."""
    parser = argparse.ArgumentParser(prog="./dev full", description="The deployed mode on this machine.")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="how many workers (default: 2)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="keep the servers' data there (default: nowhere)")
    options = parser.parse_args()
    if options.workers < 1:
        parser.error("--workers: must be at least 1")
    # The servers are this command's own, whatever the shell has set.
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environ.setdefault("BESTFILL_METRICS_PORT", "0")  # each worker on a port of its own, which its log names
    try:
        load(environ)
    except SettingsError as error:
        sys.stderr.write(f"bestfill: {error}\n")
        return 2

    async def run() -> int:
        return await Deployment(environ, options.workers, options.data).run()

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main())
