"""What an operator does to keys, to the halt and with the audit log, at the command line."""

import asyncio
import json
import os
import pwd
import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from bestfill.access import ApiKey, Scope, read_key
from bestfill.audit import AuditEntry
from bestfill.errors import StoreError
from bestfill.ports import Halt
from bestfill.testing.clock import ManualClock
from bestfill_adapters.settings import Settings
from bestfill_adapters.sql.control import SqlControl, opened
from bestfill_adapters.sql.file import DATABASE
from bestfill_cli import control
from bestfill_cli.main import run as bestfill

KEY = re.compile(r"bf_[0-9a-z]{12}_[0-9a-z]{48}\n")
DAY_MS = 86_400_000


class Desk:
    """A database, its commands, and the clock by which they go."""

    def __init__(self, settings: Settings, environ: dict[str, str], call: Callable[..., tuple[int, str, str]]) -> None:
        self.settings, self.environ, self._call = settings, environ, call
        self.clock = ManualClock()

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        return self._call(*arguments)

    def made(self, *more: str) -> str:
        code, out, err = self("keys", "create", "--user", "ann", "--scope", "trade", *more)
        assert code == 0 and KEY.fullmatch(out), (code, err)
        return out.strip()

    def documents(self, *arguments: str) -> Any:
        code, out, _ = self(*arguments, "--json")
        assert code == 0
        return [json.loads(line) for line in out.splitlines()]

    def make(self) -> None:
        """Have a database, as an engine's first start makes it."""

        async def made() -> None:
            async with opened(self.settings, make=True):
                pass

        asyncio.run(made())

    def stored(self) -> tuple[list[ApiKey], list[AuditEntry], Halt | None]:
        async def read() -> tuple[list[ApiKey], list[AuditEntry], Halt | None]:
            async with opened(self.settings) as control:
                return await control.all_keys(), await control.entries(), await control.halt()

        return asyncio.run(read())


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request, tmp_path, capsys, monkeypatch) -> Desk:
    if request.param == "sqlite":
        environ = {"BESTFILL_DATA_DIR": str(tmp_path / "var")}
        settings = Settings(data_dir=tmp_path / "var")
        (tmp_path / "var").mkdir()
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "var" / DATABASE)
    else:
        url = request.getfixturevalue("migrated_url")
        environ = {"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1:1/0"}
        settings = Settings(database_url=url, redis_url="redis://127.0.0.1:1/0")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> tuple[int, str, str]:
        return bestfill(arguments), *capsys.readouterr()

    desk = Desk(settings, environ, call)
    monkeypatch.setattr(control, "SystemClock", lambda: desk.clock)
    return desk


def actor() -> str:
    return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


def test_a_key_is_shown_once_and_kept_as_a_digest(desk):
    scopes = ("--scope", "trade", "--scope", "admin")
    code, out, err = desk("keys", "create", "--user", "ünï 用", *scopes, "--expires", "90d", "--note", "its")
    assert code == 0 and KEY.fullmatch(out)
    key_id, digest = read_key(out.strip())
    assert f"key {key_id} of ünï 用 for admin trade, until 2026-03-16T10:13:20Z" in err and out.strip() not in err
    (key,), (entry,), _ = desk.stored()
    assert key == ApiKey(
        id=key_id,
        digest=digest,
        user_id="ünï 用",
        scopes=frozenset({Scope.TRADE, Scope.ADMIN}),
        note="its",
        created_at=desk.clock.now(),
        expires_at=desk.clock.now() + 90 * DAY_MS,
    )
    assert (entry.fact.actor, entry.fact.origin, entry.fact.action) == (actor(), "cli", "key.create")
    assert entry.fact.subject == key_id and entry.fact.detail["scopes"] == "admin trade"
    secret = out.strip().rpartition("_")[2]
    assert secret not in str(entry.fact) and secret not in desk("keys", "list")[1] + desk("audit")[1]


def test_the_first_key_makes_the_database(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("BESTFILL_DATA_DIR", str(tmp_path / "var"))
    assert bestfill(["keys", "create", "--user", "ann", "--scope", "admin"]) == 0
    assert KEY.fullmatch(capsys.readouterr().out)
    assert bestfill(["keys", "list"]) == 0 and "ann" in capsys.readouterr().out


def test_keys_are_listed_with_what_they_are_good_for_now(desk):
    lasting = desk.made("--note", "the\x1b[2Jdesk's")
    desk.clock.advance(1_000)
    short = desk.made("--expires", "1h")
    desk.clock.advance(3_600_000)
    code, out, err = desk("keys", "list")
    assert (code, err) == (0, "") and "\x1b" not in out
    head, first, second = out.splitlines()
    assert head.split() == ["key", "user", "scopes", "state", "created", "ends", "note"]
    assert first.split()[:4] == [read_key(lasting)[0], "ann", "trade", "live"]
    assert second.split()[:4] == [read_key(short)[0], "ann", "trade", "expired"]
    ((told,),) = [document["keys"][1:] for document in desk.documents("keys", "list")]
    assert told == {
        "id": read_key(short)[0],
        "userId": "ann",
        "scopes": ["trade"],
        "state": "expired",
        "note": "",
        "createdAt": "2025-12-16T10:13:21Z",
        "expiresAt": "2025-12-16T11:13:21Z",
        "revokedAt": None,
    }


def test_a_revoked_key_is_dead_at_once_and_named_by_id_or_whole(desk):
    first, second = desk.made(), desk.made()
    key_id = read_key(first)[0]
    assert desk("keys", "revoke", key_id) == (0, f"key {key_id} of ann is revoked\n", "")
    desk.clock.advance(9)
    code, out, _ = desk("keys", "revoke", key_id)
    assert (code, out) == (0, f"key {key_id} of ann had ended before: it is revoked\n")
    (told,) = desk.documents("keys", "revoke", second)
    assert (told["id"], told["state"]) == (read_key(second)[0], "revoked")
    keys, log, _ = desk.stored()
    assert {key.id: key.live(desk.clock.now()) for key in keys} == {told["id"]: False, key_id: False}
    assert next(key for key in keys if key.id == key_id).revoked_at == desk.clock.now() - 9
    assert [entry.fact.action for entry in log][2:] == ["key.revoke"] * 3


@pytest.mark.parametrize("grace", [(), ("--grace", "1h")])
def test_a_rotated_key_is_followed_by_one_of_its_kind(desk, grace):
    old_id = read_key(desk.made("--scope", "admin", "--expires", "30d", "--note", "desk"))[0]
    desk.clock.advance(DAY_MS)
    code, out, err = desk("keys", "rotate", old_id, *grace)
    assert code == 0 and KEY.fullmatch(out)
    now = desk.clock.now()
    keys, log, _ = desk.stored()
    old, new = keys
    assert read_key(out.strip()) == (new.id, new.digest)
    assert (new.user_id, new.scopes, new.note, new.expires_at) == ("ann", old.scopes, "desk", now + 30 * DAY_MS)
    ends = now + (3_600_000 if grace else 0)
    assert old.revoked_at == ends and f"key {old_id} ends {'2025-12-17T11:13:20Z' if grace else 'now'}" in err
    assert [(entry.fact.action, entry.fact.subject) for entry in log[1:]] == [
        ("key.rotate", new.id),
        ("key.revoke", old_id),
    ]
    assert log[1].fact.detail["follows"] == old_id


def test_a_key_that_lasts_for_ever_is_followed_by_another(desk):
    assert desk("keys", "rotate", read_key(desk.made())[0])[0] == 0
    assert [key.expires_at for key in desk.stored()[0]] == [None, None]


def test_a_key_that_has_ended_is_not_brought_back(desk):
    revoked, expired = (read_key(desk.made(*more))[0] for more in ((), ("--expires", "1s")))
    desk("keys", "revoke", revoked)
    desk.clock.advance(1_000)
    for key_id, state in ((revoked, "revoked"), (expired, "expired")):
        code, out, err = desk("keys", "rotate", key_id)
        assert (code, out, err) == (4, "", f"bestfill: the key is {state}: bestfill keys create makes a new one\n")
    assert len(desk.stored()[0]) == 2


def test_a_new_key_is_shown_even_if_the_old_one_could_not_be_ended(desk, monkeypatch):
    async def fail(*_: object) -> None:
        raise StoreError("the database can't be reached")

    key_id = read_key(desk.made())[0]
    monkeypatch.setattr(SqlControl, "end_key", fail)
    code, out, err = desk("keys", "rotate", key_id)
    assert code == 5 and KEY.fullmatch(out) and f"bestfill keys revoke {key_id} ends it" in err


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
@pytest.mark.parametrize("key_id", ["unknown", "bf_unknown_s3cret", "bf_", ""])
def test_a_key_that_is_not_there_is_told(desk, verb, key_id):
    desk.made()
    code, out, err = desk("keys", verb, key_id)
    assert (code, out) == (3, "") and "there is no such key" in err and "s3cret" not in err


def test_a_halt_lasts_until_it_is_lifted_and_both_are_told(desk):
    desk.make()
    where = desk.environ.get("BESTFILL_DATA_DIR")
    named = f"{where}/bestfill.sqlite3" if where else "the database of DATABASE_URL"
    assert desk("halt", "the pool\n is drained")[:2] == (
        0,
        f"halted: nothing new is signed by who works on {named}; what is signed goes to its end\n",
    )
    assert desk.stored()[2] == Halt(reason="the pool is drained", actor=actor(), at=desk.clock.now())
    (told,) = desk.documents("halt", "again")
    assert told == {"halted": True, "reason": "again", "by": actor(), "since": "2025-12-16T10:13:20Z"}
    assert desk("resume")[:2] == (0, "resumed; it was halted: again\n")
    assert desk("resume")[:2] == (0, "it was not halted\n")
    assert desk.documents("resume") == [{"halted": False}]
    _, log, halt = desk.stored()
    assert halt is None
    assert [(entry.fact.action, entry.fact.detail["reason"]) for entry in log] == [
        ("halt.set", "the pool is drained"),
        ("halt.set", "again"),
        ("halt.clear", "again"),
    ]


def test_the_log_is_written_out_from_where_one_left_off(desk):
    desk.make()
    for n in range(5):
        desk("halt", f"reason {n}")
    code, out, err = desk("audit", "--since", "1", "--limit", "2")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{n + 1} 2025-12-16T10:13:20Z {actor()} cli halt.set engine reason=reason {n}" for n in (1, 2)
    ]
    told = desk.documents("audit")
    assert [entry["seq"] for entry in told] == [1, 2, 3, 4, 5]
    assert told[4] == {
        "seq": 5,
        "at": "2025-12-16T10:13:20Z",
        "actor": actor(),
        "origin": "cli",
        "action": "halt.set",
        "subject": "engine",
        "detail": {"reason": "reason 4"},
        "hash": desk.stored()[1][4].hash.hex(),
    }


def test_pages_of_the_log_are_one(desk, monkeypatch):
    desk.make()
    for n in range(3):
        desk("halt", f"reason {n}")
    monkeypatch.setattr("bestfill_cli.commands.audit._PAGE", 2)
    assert len(desk.documents("audit")) == 3
    assert desk("verify")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keys", "create", "--user", "ann"), "--scope"),
        (("keys", "create", "--scope", "trade"), "--user"),
        (("keys", "create", "--user", " ", "--scope", "trade"), "printable characters"),
        (("keys", "create", "--user", "a\0b", "--scope", "trade"), "printable characters"),
        (("keys", "create", "--user", "ann", "--scope", "root"), "read, trade, admin"),
        (("keys", "create", "--user", "ann", "--scope", "read", "--expires", "3y"), "such as 90d"),
        (("keys", "rotate", "x", "--grace", "-1h"), "such as 90d"),
        (("halt",), "REASON"),
        (("halt", ""), "must say why"),
        (("halt", " \n\x07"), "must say why"),
        (("--url", "http://127.0.0.1:3001", "halt", "now"), "asks no engine"),
        (("--url", "http://127.0.0.1:3001", "audit"), "asks no engine"),
        (("audit", "--since", "-1"), "--since"),
    ],
)
def test_a_wrong_call_ends_with_2_and_changes_nothing(capsys, monkeypatch, tmp_path, arguments, said):
    monkeypatch.setenv("BESTFILL_DATA_DIR", str(tmp_path / "var"))
    assert bestfill(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    "arguments", [("keys", "list"), ("keys", "revoke", "x"), ("audit",), ("halt", "a venue misbehaves"), ("resume",)]
)
def test_only_the_first_key_makes_a_database(capsys, monkeypatch, tmp_path, arguments):
    monkeypatch.setenv("BESTFILL_DATA_DIR", str(tmp_path / "var"))
    assert bestfill(arguments) == 5
    assert "there is no database" in capsys.readouterr().err and not (tmp_path / "var").exists()


def test_a_server_that_is_not_there_is_told_without_its_password(capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/name")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert bestfill(["halt", "now"]) == 5
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("bestfill: ") and "hunter2" not in err


def test_wrong_settings_are_told(capsys, monkeypatch):
    monkeypatch.setenv("BESTFILL_DATADIR", "x")
    assert bestfill(["keys", "list"]) == 2
    assert "BESTFILL_DATADIR: is not a setting" in capsys.readouterr().err
