"""Runs one worker by the environment's settings: Dramatiq's own command line, with one process."""

import os
import sys
from collections.abc import Sequence
from typing import Final

import dramatiq.__main__ as command

from bestfill_adapters import logs, options
from bestfill_adapters.container.common import check_key
from bestfill_adapters.container.deployed import Deployed
from bestfill_adapters.settings import SettingsError

THREADS: Final = 4
"""They only hand orders over, so a few are enough."""
THREADS_STOP_MS: Final = 5_000
"""How long to wait for them at the end; with Redis away, they may try to acknowledge for good."""


def main(arguments: Sequence[str] = ()) -> int:
    """Run until told to stop; give the exit code: 1 if it could not start, 2 if the settings are not valid.

    This process only minds the one that works, in which `actors.setup` is called. SIGINT and SIGTERM let it drain.
    """
    os.environ.update(options.read("bestfill_worker", arguments))
    container = Deployed()
    try:
        logs.configure(container.settings().log_level)
        container.check_dependencies()
        check_key(container.settings())
        container.engine()
    except SettingsError as error:
        sys.stderr.write(f"bestfill: {error}\n")
        return 2
    sys.argv = [
        str(command.__file__),
        "bestfill_worker.actors:setup",
        "--processes=1",
        f"--threads={THREADS}",
        f"--worker-shutdown-timeout={THREADS_STOP_MS}",
        "--skip-logging",
        "--path",  # nothing: what lies in the current folder must not be taken for a module
    ]
    return command.main()  # pyright: ignore[reportPrivateImportUsage] - what its console script calls


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
