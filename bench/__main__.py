"""Run the named benchmark, or all of them."""

import asyncio
import importlib
import signal
import sys

import uvloop

NAMES = ("store", "embedded", "deployed", "sockets", "limits", "solana")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}; known are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in names or NAMES:
        uvloop.run(_stoppable(name))
    return 0


async def _stoppable(name: str) -> None:
    """Run one, and let SIGTERM end it as Ctrl-C does: with all that it has started."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
