"""Runs the API by the environment's settings."""

import asyncio
import os
import sys
from collections.abc import Sequence

import uvloop

from bestfill.errors import BestfillError
from bestfill_adapters import logs, options
from bestfill_adapters.settings import SettingsError, load
from bestfill_api.app import create_app, mode
from bestfill_api.server import bind, serve


def main(arguments: Sequence[str] = ()) -> int:
    """Run until told to stop; give the exit code: 1 if it could not start, 2 if the settings are not valid."""
    os.environ.update(options.read("bestfill_api", arguments))
    try:
        settings = load(os.environ)
        logs.configure(settings.log_level)
        app = create_app(*mode(settings))
    except SettingsError as error:
        return _complain(str(error), 2)
    try:
        taken = bind(settings.host, settings.port)
    except OSError as error:
        return _complain(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}", 1)
    with taken, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(app, taken, settings))
        except SettingsError as error:
            return _complain(str(error), 2)
        except BestfillError as error:
            return _complain(error.reason, 1)
        except OSError as error:
            return _complain(f"cannot start: {error}", 1)
    return 0


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"bestfill: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
