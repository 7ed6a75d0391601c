"""One process has the data folder; whoever comes second is told so."""

import os
import subprocess
import sys

import pytest

from bestfill.errors import StoreError
from bestfill_adapters.sql.sqlite import SqliteFile

HOLD = """
import sys
from pathlib import Path
from bestfill_adapters.sql.sqlite import SqliteFile
file = SqliteFile(Path(sys.argv[1]))
file.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path):
    path = tmp_path / "data" / "bestfill.db"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None and first.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match=rf"data is in use by another process \(pid {first.pid}\)"):
            SqliteFile(path).acquire()
        first.kill()
        first.wait()
        file = SqliteFile(path)
        file.acquire()
        file.release()


def test_a_file_is_taken_and_given_back_within_a_process_too(tmp_path):
    one, other = SqliteFile(tmp_path / "b.db"), SqliteFile(tmp_path / "b.db")
    one.acquire()
    one.acquire()
    with pytest.raises(StoreError, match=f"pid {os.getpid()}"):
        other.acquire()
    one.release()
    one.release()
    other.acquire()
    other.release()


def test_a_folder_that_it_makes_is_its_owners_alone(tmp_path):
    file, before = SqliteFile(tmp_path / "data" / "bestfill.db"), os.umask(0)
    try:
        file.acquire()
    finally:
        os.umask(before)
        file.release()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "var").write_text("a file")
    with pytest.raises(StoreError, match="data folder .*var can't be used: "):
        SqliteFile(tmp_path / "var" / "b.db").acquire()


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_what_is_acknowledged_survives_a_power_cut_unless_a_benchmark_waives_it(tmp_path, durable, level):
    connection = SqliteFile(tmp_path / "b.db", durable=durable).connect()
    assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    connection.close()
