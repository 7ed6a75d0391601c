"""What keeps a service running knows which of its ends are as they should be."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.deployed import until
from tools.chaos import service
from tools.chaos.doom import KILLED, Doom
from tools.chaos.journal import Journal
from tools.chaos.service import Service
from tools.servers import ServerError

READY = "print('bestfill is ready at http://127.0.0.1:1 (open it in a browser)', flush=True)\n"
KILLS_ITSELF = f"print({KILLED!r} + 'after send', flush=True); import os; os.kill(os.getpid(), 9)"
STAYS = "import signal; signal.pause()"
IN_DISORDER = "import signal, sys; signal.signal(15, lambda *_: sys.exit(3))\n"


@pytest.fixture
def journal() -> Journal:
    return Journal()


def made(folder: Path, journal: Journal, code: str) -> Service:
    """Make a service of this code."""
    (folder / "served.py").write_text(code)
    one = Service("api", "served", {}, iter(Doom, None), journal, lambda _: None)
    one._environ["PYTHONPATH"] = str(folder)
    return one


async def started_twice(one: Service, do: Callable[[], object]) -> None:
    """Do something to a service once it is ready, and wait until it is ready again, or is accused of something."""
    keeping = asyncio.create_task(one.keep())

    async def again() -> bool:
        return one.starts > 1 or bool(one._journal.wrong)

    try:
        await one.ready.wait()
        do()
        await until(again)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def test_a_service_that_never_starts_ends_the_run_and_is_quoted(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "START_S", 0)
    with pytest.raises(ServerError, match="has not started .* said: bestfill: PORT: is taken"):
        await made(tmp_path, journal, "print('bestfill: PORT: is taken')").keep()


async def test_one_that_was_killed_is_started_again(tmp_path: Path, journal: Journal):
    one = made(tmp_path, journal, READY + STAYS)
    await started_twice(one, one.kill)
    assert journal.wrong == []


async def test_one_that_came_to_its_failpoint_is_counted_and_started_again(tmp_path: Path, journal: Journal):
    await started_twice(made(tmp_path, journal, READY + KILLS_ITSELF), lambda: None)
    assert journal.wrong == []
    assert journal.kills["after send"] >= 1


async def test_one_that_ends_by_itself_is_accused(tmp_path: Path, journal: Journal):
    await started_twice(made(tmp_path, journal, READY), lambda: None)
    assert journal.wrong == ["api ended by itself, with 0"]


async def test_one_that_is_told_to_stop_and_does_not_do_so_in_order_is_accused(tmp_path: Path, journal: Journal):
    one = made(tmp_path, journal, IN_DISORDER + READY + STAYS)
    await started_twice(one, one.leave)
    assert journal.wrong == ["api was told to stop, and ended with 3"]
