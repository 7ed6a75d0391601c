"""Fixtures for all tests, and what a run of them all needs."""

import gc
import os
import signal
from pathlib import Path

import pytest

pytest_plugins = ["tests.servers"]

HERE = Path(__file__).parent
WAITING = (HERE / "e2e", HERE / "integration/full", HERE / "browser")
"""The folders of the tests that start processes, and mostly wait for them."""
SHARING = (HERE / "browser",)
"""Those of them whose files share what they have started."""


def pytest_configure() -> None:
    """Have what is started hear Ctrl-C: whoever runs the tests in the background of a shell has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Give the one event loop that the project runs on."""
    return "asyncio"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each test process begin with its share of the tests that wait; the many short ones even out the end."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if count == 1:
        return
    waiting: dict[Path, list[pytest.Item]] = {}
    for item in [item for folder in WAITING for item in items if item.path.is_relative_to(folder)]:
        together = next((folder for folder in SHARING if item.path.is_relative_to(folder)), item.path)
        waiting.setdefault(together, []).append(item)
    first = {item for group in waiting.values() for item in group}
    others = [item for item in items if item not in first]
    ordered: list[pytest.Item] = []
    for n in range(count):
        ordered += [item for group in [*waiting.values()][n::count] for item in group]
        # xdist cuts the whole into equal parts, one for each process.
        room = max(0, len(items) * (n + 1) // count - len(ordered))
        ordered += others[:room]
        del others[:room]
    items[:] = ordered


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what was imported: it is a tenth of the time of all tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
