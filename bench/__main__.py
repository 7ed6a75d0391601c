"""Run the named benchmark, or all of them."""

import importlib
import sys

import uvloop

NAMES = ("store", "embedded", "deployed", "sockets")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}; known are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in names or NAMES:
        uvloop.run(importlib.import_module(f"bench.{name}").main())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
