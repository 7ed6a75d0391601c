"""What the doctor finds out without any server: about itself, the folder, the address, the clock, the plugins."""

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from bestfill_adapters.settings import VARIABLES, Settings
from bestfill_adapters.sql.file import DATABASE
from bestfill_adapters.sql.tables import SCHEMA
from bestfill_cli.commands import doctor as command
from bestfill_cli.doctor import access, engine, postgres, redis, store, venues
from bestfill_cli.doctor.check import State, ok
from bestfill_cli.doctor.examine import examine
from bestfill_cli.exits import Exit
from bestfill_cli.main import main
from tests.unit.cli.engines import Engine

READY = json.dumps({"status": "ok"}).encode()


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in an empty folder, without settings."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def web(status: int = 200, body: bytes = READY, ahead_s: float = 0.0) -> Iterator[str]:
    """Serve the same answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            self.send_header("date", formatdate(time.time() + ahead_s, usegmt=True))
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def states(checks) -> dict[str, State]:
    return {check.what: check.state for check in checks}


def silent() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def url(taken: socket.socket) -> str:
    return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_what_does_not_come_back_is_said_to_be_late_and_is_not_waited_for():
    forever = threading.Event()
    try:
        found = examine({"slow": lambda: forever.wait() and [], "quick": lambda: [ok("quick", "here")]}, 0.05)
        assert states(found.checks) == {"slow": State.WRONG, "quick": State.OK}
        assert found.abandoned and "no answer within 0.05 s" in found.checks[0].detail
    finally:
        forever.set()


def test_a_look_that_fails_does_not_hide_the_others():
    def fail() -> list:
        raise ZeroDivisionError("hunter2")

    found = examine({"bad": fail, "good": lambda: [ok("good", "here")]}, 30)
    assert states(found.checks) == {"bad": State.WRONG, "good": State.OK} and not found.abandoned
    assert "ZeroDivisionError" in found.checks[0].detail and "hunter2" not in found.checks[0].detail


def test_what_is_set_is_shown_without_secrets(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@h/d")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@h")
    monkeypatch.setenv("BESTFILL_CONCURRENCY", "7")
    _, (check,) = command._settings(command.os.environ)
    assert check.state is State.OK and check.detail == (
        "deployed mode on the mock chain; DATABASE_URL=<hidden>, REDIS_URL=<hidden>, BESTFILL_CONCURRENCY=7"
    )


def test_each_wrong_setting_is_a_line_and_the_engine_is_looked_at_all_the_same(bestfill, monkeypatch):
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("BESTFILL_DATADIR", "x")
    monkeypatch.setattr(engine, "look", lambda url, settings, *_: [ok("engine", f"{url} {settings}")])
    monkeypatch.setattr(access, "look", lambda *_: [])
    done = bestfill("doctor", "--json")
    told = json.loads(done.out)
    assert (done.code, told["ok"]) == (Exit.FAILED, False)
    assert [(c["what"], c["state"]) for c in told["checks"]] == [
        ("settings", "wrong"),
        ("settings", "wrong"),
        ("engine", "ok"),
    ]
    assert "did you mean BESTFILL_DATA_DIR?" in told["checks"][0]["detail"]
    assert told["checks"][2]["detail"] == "http://127.0.0.1:3000 None"


def test_a_table_for_people_has_each_check_with_its_mend(bestfill, monkeypatch):
    found = {"engine": [engine.wrong("engine", "away \x1b[2J", "start it")], "venues": [ok("venues", "here")]}
    monkeypatch.setattr(command, "_look", lambda module, *_: found.get(module, []))
    done = bestfill("doctor")
    assert done.code == Exit.FAILED
    assert [line.split()[:2] for line in done.out.splitlines()] == [
        ["state", "what"],
        ["ok", "settings"],
        ["ok", "venues"],
        ["wrong", "engine"],
    ]
    assert done.out.endswith("start it\n")


def test_a_look_that_hangs_does_not_keep_the_process(monkeypatch, capsys):
    forever, ended = threading.Event(), list[int]()
    monkeypatch.setattr(command, "_look", lambda *_: forever.wait() and [])
    monkeypatch.setattr(command, "WITHIN_S", 0.05)
    monkeypatch.setattr("sys.argv", ["bestfill", "doctor"])
    monkeypatch.setattr("os._exit", ended.append)
    try:
        with pytest.raises(SystemExit):
            main()
    finally:
        forever.set()
    assert ended == [Exit.FAILED] and "no answer within 0.05 s" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_not_made(folder: Path):
    assert states(store.look(Settings(data_dir=folder / "a" / "b"))) == {"data folder": State.OK}
    assert [*folder.iterdir()] == []


def test_a_folder_that_cannot_be_used_is_wrong(folder: Path):
    (folder / "file").touch()
    (check,) = store.look(Settings(data_dir=folder / "file" / "var"))
    assert check.state is State.WRONG and check.detail == f"{folder / 'file'} is no folder"


@pytest.fixture
def database(folder: Path) -> Callable[[str | None], Path]:
    """Make a database file of a schema, with a write-ahead log that nobody has open."""

    def make(schema: str | None) -> Path:
        path = folder / DATABASE
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE alembic_version (version_num)")
            db.execute("INSERT INTO alembic_version VALUES (?)", [schema])
        return path

    return make


@pytest.mark.parametrize(("schema", "state"), [(SCHEMA, State.OK), ("0001", State.WARN), ("9999", State.WRONG)])
def test_a_database_is_looked_at_without_leaving_a_trace(folder: Path, database, schema: str, state: State):
    path = database(schema)
    before = path.read_bytes()
    assert states(store.look(Settings(data_dir=folder)))["database"] is state
    assert [*folder.iterdir()] == [path] and path.read_bytes() == before


def test_a_database_in_use_is_read_as_it_is_now(folder: Path, database):
    path = database("0001")
    with closing(sqlite3.connect(path)) as db:
        with db:
            db.execute("UPDATE alembic_version SET version_num = ?", [SCHEMA])
        assert states(store.look(Settings(data_dir=folder)))["database"] is State.OK


def test_a_file_that_is_no_database_is_wrong(folder: Path):
    (folder / DATABASE).write_bytes(b"hello" * 1_000)
    assert states(store.look(Settings(data_dir=folder)))["database"] is State.WRONG


def test_little_room_is_a_warning(folder: Path, monkeypatch):
    monkeypatch.setattr(store, "FREE_MIN_MB", 10**12)
    assert states(store.look(Settings(data_dir=folder)))["data folder"] is State.WARN


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b'{"status": "up"}'),
        (404, b"{}"),
        (200, b"[" * 9_999),
        (503, b'{"code": "x"}'),
        (200, b""),
    ],
)
def test_somebody_else_at_the_address_is_told_from_an_engine(status: int, body: bytes):
    with web(status, body) as address:
        (check,) = engine.look(address, None)
    assert check.state is State.WRONG and check.detail == f"what answers at {address} is no bestfill engine"


def test_an_engine_that_cannot_serve_says_what_is_away():
    body = json.dumps({"code": "NOT_READY", "detail": "no answer from: store\x1b[2J"}).encode()
    with web(503, body) as address:
        first, clock = engine.look(address, None)
    assert (first.state, clock.state) == (State.WRONG, State.OK)
    assert first.detail == f"{address} answers, but can't serve: no answer from: store [2J"


def test_whoever_speaks_no_http_is_a_stranger():
    with silent() as taken:

        def speak() -> None:
            with taken.accept()[0] as link:
                link.sendall(b"SSH-2.0-x\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        (check,) = engine.look(url(taken), None)
        thread.join()
    assert check.state is State.WRONG and "is no bestfill engine" in check.detail


def test_whoever_says_nothing_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(engine, "ANSWER_S", 0.05)
    with silent() as taken:
        (check,) = engine.look(url(taken), None)
    assert check.state is State.WRONG and check.detail.endswith(" within 0.05 s")


@pytest.mark.parametrize("address", ["ftp://h", "x", "http://", "http://h:99999999", "http://[::1"])
def test_an_address_that_is_none_is_wrong(address: str):
    (check,) = engine.look(address, None)
    assert check.state is State.WRONG and "--url" in check.mend


def test_a_password_in_the_address_is_never_shown():
    with web() as address:
        checks = engine.look(address.replace("//", "//me:hunter2@"), None)
    assert "hunter2" not in repr(checks) and states(checks) == {"engine": State.WRONG}
    assert "must have no user and password" in checks[0].detail and "--url" in checks[0].mend


@pytest.mark.parametrize(("ahead_s", "state"), [(0, State.OK), (60, State.WARN), (-60, State.WARN), (1, State.OK)])
def test_a_clock_that_is_off_is_a_warning(ahead_s: float, state: State):
    with web(ahead_s=ahead_s) as address:
        found = states(engine.look(address, None))
    assert (found["engine"], found["clock"]) == (State.OK, state)


def test_an_answer_without_a_date_says_nothing_of_the_clock():
    assert engine._ahead(None, 1.0, 2.0) is engine._ahead("soon", 1.0, 2.0) is None


def test_the_port_of_the_settings_is_looked_at_if_it_is_another(monkeypatch):
    with silent() as taken:
        free = taken.getsockname()[1]
    nobody = "http://127.0.0.1:1"

    def port(number: int) -> State | None:
        return states(engine.look(nobody, Settings(port=number))).get("port")

    assert (port(free), port(0), port(1)) == (State.OK, None, None)
    with web() as address:
        assert port(int(address.rpartition(":")[2])) is State.WARN
    with web(body=b"hello") as address:
        assert port(int(address.rpartition(":")[2])) is State.WRONG
    monkeypatch.setattr(engine, "ANSWER_S", 0.5)
    with silent() as taken:
        assert port(taken.getsockname()[1]) is State.WRONG


def test_the_engine_is_looked_at_through_the_proxy_that_commands_use(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with web() as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy)
        assert engine.look("http://engine.example", None)[0] == ok("engine", "http://engine.example is ready")


def test_the_venues_of_the_settings_are_loaded():
    (check,) = venues.look(Settings(), {})
    assert (check.state, check.detail) == (State.OK, "mock_raydium (raydium), mock_meteora (meteora)")
    (check,) = venues.look(Settings(venues=("mock_nothing",)), {})
    assert check.state is State.WRONG and "'mock_nothing' is not installed" in check.detail


@pytest.mark.parametrize(("dead", "state"), [(0, State.OK), (2, State.WARN)])
def test_orders_that_need_a_person_are_a_warning(monkeypatch, dead: int, state: State):
    stats = Engine().queue_stats()
    monkeypatch.setattr(
        engine, "Bestfill", lambda *_, **__: Engine(queue_stats=msgspec.structs.replace(stats, dead_count=dead))
    )
    with web() as address:
        assert states(engine.look(address, None))["orders"] is state


def test_an_engine_that_is_halted_is_a_warning(monkeypatch):
    stats = msgspec.structs.replace(Engine().queue_stats(), halted=True, dead_count=0)
    monkeypatch.setattr(engine, "Bestfill", lambda *_, **__: Engine(queue_stats=stats))
    with web() as address:
        found = {check.what: check for check in engine.look(address, None)}
    assert found["halt"].state is State.WARN and "bestfill resume" in found["halt"].mend
    assert found["orders"].state is State.OK


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"number": 140_000, "standby": False}, State.OK),
        ({"number": 139_999, "standby": False}, State.WRONG),
        ({"number": 180_000, "standby": True}, State.WRONG),
    ],
)
def test_a_postgresql_that_is_too_old_or_takes_no_writes_is_wrong(told: dict, state: State):
    assert postgres._version({"version": "x", **told}).state is state


@pytest.mark.parametrize(
    ("off", "state"),
    [
        ({}, State.OK),
        ({"synchronous_commit": "remote_apply"}, State.OK),
        ({"synchronous_commit": "local"}, State.WARN),
        ({"synchronous_commit": "off"}, State.WRONG),
        ({"fsync": "off"}, State.WRONG),
        ({"full_page_writes": "off"}, State.WRONG),
    ],
)
def test_a_postgresql_that_may_forget_is_wrong(off: dict, state: State):
    assert postgres._kept({"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"} | off).state is state


@pytest.mark.parametrize(
    ("schemas", "mend"),
    [([SCHEMA], ""), ([], "run ./dev migrate"), (["0001"], "run ./dev migrate"), (["9"], "use the newer")],
)
def test_other_tables_than_this_releases_are_wrong(schemas: list[str], mend: str):
    assert postgres._tables(schemas).mend.startswith(mend) and bool(postgres._tables(schemas).mend) == bool(mend)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"redis_version": "7.0.1", "role": "master"}, State.OK),
        ({"redis_version": "6.2.1", "role": "master"}, State.WRONG),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.0"}, State.OK),
        ({"redis_version": "8.0.0", "role": "slave"}, State.WRONG),
        ({}, State.OK),
    ],
)
def test_a_redis_that_is_too_old_or_takes_no_writes_is_wrong(told: dict, state: State):
    assert redis._server(told).state is state
