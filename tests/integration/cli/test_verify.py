"""What `bestfill verify` says, and by which code it ends."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from bestfill.testing import samples
from bestfill_adapters.container import Embedded, start, stop
from bestfill_adapters.settings import MockSettings, Settings
from bestfill_adapters.sql.file import DATABASE, SqliteFile
from bestfill_adapters.sql.sqlite import SqliteStore
from bestfill_cli.main import run as bestfill
from tests.integration.sql.orders import advance, crowd, place

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(migrated: Path, tmp_path: Path) -> Path:
    """Give a data folder with three orders that have ended, and one of another user that has not."""
    shutil.copy(migrated, tmp_path / DATABASE)
    store = SqliteStore(SqliteFile(tmp_path / DATABASE))
    store.start()
    asyncio.run(_fill(store))
    store.close()
    return tmp_path


async def _fill(store: SqliteStore) -> None:
    await crowd(store, 3)
    await advance(store, await place(store, 99), 1)


@pytest.fixture
def run(folder, capsys, monkeypatch):
    def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for name, value in ({"BESTFILL_DATA_DIR": str(folder)} | environ).items():
                patch.setenv(name, value)
            return bestfill(["verify", *arguments]), *capsys.readouterr()

    return run


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute(statement)


def test_a_whole_store_ends_with_0_and_a_digest_to_write_down(run):
    code, out, err = run()
    whole, digest = out.splitlines()
    assert (code, whole, err) == (0, "whole: 4 orders, 17 events", "")
    assert digest.startswith("digest: ")
    assert digest.endswith(" of 4 orders, 1 of them not ended, so it will change")


def test_a_broken_order_has_a_line_and_ends_with_1(run, folder):
    order_id = samples.order_id(1)
    change(folder, f"UPDATE order_events SET data = data || ' ' WHERE order_id = '{order_id}' AND seq = 2")
    said = f"order {order_id}: event 3 does not follow event 2: one of them was changed"
    assert run() == (1, f"{said}\nBROKEN: 4 orders, 17 events; faults: 1\n", "")


def test_it_can_be_told_to_a_program(run, folder):
    told = json.loads(run("--json", "--before", "2025-12-16", "--expect", "0" * 64)[1])
    assert (told["whole"], told["orders"], told["events"], told["faultCount"], told["faults"]) == (True, 4, 17, 0, [])
    assert (told["before"], told["asExpected"]) == ("2025-12-16T00:00:00Z", False)
    change(folder, f"DELETE FROM order_events WHERE order_id = '{samples.order_id(1)}' AND seq = 2")
    code, out, _ = run("--json")
    told = json.loads(out)
    assert (code, told["whole"], told["digest"], told["faultCount"]) == (1, False, None, len(told["faults"]))
    assert told["faults"][0] == {"subject": f"order {samples.order_id(1)}", "reason": "event 2 is missing"}


def test_a_digest_that_was_written_down_tells_of_what_was_taken_out_without_a_trace(run, folder):
    digest = run()[1].splitlines()[1].split()[1]
    assert run("--expect", digest)[0] == 0
    for table in ("order_events", "order_executions", "orders", "user_streams"):
        user = "user_id" if table != "order_executions" else f"order_id = '{samples.order_id(99)}' OR order_id"
        change(folder, f"DELETE FROM {table} WHERE {user} = 'user-123'")
    assert run()[0] == 0
    code, out, err = run("--expect", digest)
    assert (code, err) == (1, "") and out.splitlines()[-1].startswith("NOT as expected: ")


@pytest.mark.parametrize("when", ["2025-12-16T10:13:20.001Z", "2025-12-16T11:13:20.001+01:00", "2025-12-17"])
def test_a_digest_may_leave_out_what_was_accepted_later(run, when):
    early, late = run("--before", "2025-12-16"), run("--before", when)
    assert (early[0], late[0]) == (0, 0)
    assert early[1].endswith("of 0 orders accepted before 2025-12-16T00:00:00Z\n")
    assert " of 4 orders accepted before 2025-12-1" in late[1]


@pytest.mark.parametrize("arguments", [("--before", "soon"), ("--expect", "abc"), ("--before", "9" * 50), ("more",)])
def test_a_wrong_call_ends_with_2(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("bestfill: ") and "usage: bestfill verify [OPTIONS]" in err


def test_a_store_that_is_not_there_ends_with_2_and_is_not_made(run, tmp_path):
    code, out, err = run(BESTFILL_DATA_DIR=str(tmp_path / "none"))
    assert (code, out) == (2, "") and err.startswith("bestfill: there is no database ")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/name",
        "postgresql://me:hunter2@[::1:1/name",
        "postgresql://me:hunter2@h:x/n",
    ],
)
def test_no_password_is_ever_shown(run, url):
    code, out, err = run(DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1")
    assert code == 2 and err.startswith("bestfill: ") and "hunter2" not in out + err


def test_wrong_settings_end_with_2(run):
    code, out, err = run(BESTFILL_DATADIR="x")
    assert (code, out) == (2, "") and "BESTFILL_DATADIR: is not a setting" in err


async def _run_an_engine(folder: Path) -> int:
    container = Embedded()
    mock = MockSettings(quote_ms=(0, 0), confirm_ms=(0, 0), revert_rate=50_000, seed="seed")
    container.settings.override(Settings(data_dir=folder, concurrency=50, mock=mock))
    await start(container)
    try:
        engine = container.engine()
        async with container.notifier().subscribe() as batches, asyncio.timeout(60):
            orders = [await engine.place(samples.request(user_id=f"user-{n % 3}")) for n in range(30)]
            orders += [await engine.place(samples.request(min_amount_out=10**12)) for _ in range(3)]
            open_ = {order.id for order in orders}
            async for batch in batches:
                open_ -= {event.order_id for event in batch if event.status.terminal}
                if not open_:
                    return len(orders)
    finally:
        await stop(container, 20)
    raise AssertionError("the subscription ended first")


def test_what_a_real_engine_has_written_is_whole(run, tmp_path):
    count = asyncio.run(_run_an_engine(tmp_path / "own"))
    code, out, _ = run(BESTFILL_DATA_DIR=str(tmp_path / "own"))
    whole, digest = out.splitlines()
    assert code == 0
    assert whole.startswith(f"whole: {count} orders, ") and digest.endswith(f" of {count} orders")


def test_it_is_a_command_of_the_project(folder):
    environ = os.environ | {"BESTFILL_DATA_DIR": str(folder)}
    done = subprocess.run([ROOT / "dev", "verify"], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "whole: 4 orders, 17 events")


def test_it_ends_quietly_when_nobody_reads_on(folder):
    environ = os.environ | {"BESTFILL_DATA_DIR": str(folder)}
    command = f"'{ROOT}/dev' verify | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")


def test_whoever_is_at_fault_is_named_in_whatever_the_terminal_can_show(folder):
    change(folder, "UPDATE user_streams SET user_seq = user_seq + 1, user_id = 'größe' WHERE user_id = 'user-123'")
    environ = os.environ | {"BESTFILL_DATA_DIR": str(folder), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([ROOT / "dev", "verify"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == ""
    assert r"user 'gr\xf6\xdfe': 0 events" in done.stdout and "BROKEN: " in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_what_cannot_be_written_down_is_neither_whole_nor_broken(folder):
    environ = os.environ | {"BESTFILL_DATA_DIR": str(folder)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [ROOT / "dev", "verify"], env=environ, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "bestfill: ended before all was looked at: No space left on device\n")


def test_an_unforeseen_error_ends_with_2_and_tells_no_secret(run, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr("bestfill_cli.commands.verify.verify", fail)
    assert run() == (2, "", "bestfill: ended before all was looked at, by an unforeseen ZeroDivisionError\n")
