"""The key: from where it is taken, to whom it is shown, and what is said of one that does not do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bestfill_cli.doctor import access
from bestfill_cli.doctor.check import State
from bestfill_cli.exits import Exit
from bestfill_cli.main import run
from bestfill_client import Forbidden, Limited, NotAuthorized, Unreachable
from tests.unit.cli.engines import Engine, order, order_id
from tests.unit.client.script import order as view
from tests.unit.client.stub import Asked, Turn, says, stub

KEY = "bf_" + "0" * 12 + "_" + "hunter2".ljust(48, "z").replace("u", "v")
SECRET = KEY[-48:]
TOKENS = says(200, b'{"tokens":[]}')
PAGE = {"orders": [view(userId="ann")], "limit": 1, "offset": 0, "total": 1, "userSeq": 5}
LISTED = says(200, json.dumps(PAGE).encode())
NOTHING = says(200, json.dumps(PAGE | {"orders": []}).encode())
HELP = "set your key in BESTFILL_KEY, or give --key-file; bestfill doctor looks at it"


def problem(status: int, code: str, detail: str = "no") -> Turn:
    body = json.dumps({"status": status, "code": code, "detail": detail}).encode()
    return says(status, body, "application/problem+json")


NO_KEY, WRONG, ADMIN = (
    problem(401, "UNAUTHORIZED", "a credential is needed"),
    problem(401, "UNAUTHORIZED", "the key is not good"),
    problem(403, "FORBIDDEN", "needs the scope read"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    return path


def asked(*arguments: str) -> Asked:
    with stub(TOKENS) as engine:
        assert run(["tokens", "--url", engine.url, *arguments]) == 0
        return engine.asked[0]


def test_the_key_is_sent_from_the_environment_or_a_file_and_else_none(monkeypatch, file: Path):
    assert asked().header("authorization") is None
    assert asked("--key-file", str(file)).header("authorization") == f"Bearer {KEY}"
    monkeypatch.setenv("BESTFILL_KEY", " bf_other ")
    assert asked().header("authorization") == "Bearer bf_other"
    assert asked("--key-file", str(file)).header("authorization") == f"Bearer {KEY}", "what is said wins"
    monkeypatch.setenv("BESTFILL_KEY", "")
    assert asked().header("authorization") is None


def test_a_file_may_be_one_that_can_be_read_once(bestfill, seen, tmp_path: Path):
    read, write = os.pipe()
    os.write(write, KEY.encode())
    os.close(write)
    done = bestfill("submit", "SOL", "USDC", "1", "--watch", "--key-file", f"/dev/fd/{read}")
    os.close(read)
    assert done.code == 0 and [at.key for at in seen] == [KEY] * 2


@pytest.mark.parametrize("text", [b"", b" \n", b"x" * 9_000, b"\xff\xfehunter2", None])
def test_a_file_without_a_key_is_told_without_what_it_holds(bestfill, file: Path, text: bytes | None):
    file.write_bytes(text) if text is not None else file.unlink()
    engine = Engine()
    done = bestfill("orders", "--key-file", str(file), engine=engine)
    assert (done.code, engine.asked) == (Exit.REFUSED, [])
    assert done.err.startswith("bestfill: --key-file ") and "hunter2" not in done.err


def test_with_a_key_nobody_is_named_unless_asked_for(bestfill, file: Path, monkeypatch):
    engine = Engine([order(user_id="ann")])
    done = bestfill("orders", "--key-file", str(file), engine=engine)
    assert engine.asked[0][1]["user_id"] is None and done.out.endswith("1, of 1 orders of ann\n")
    assert bestfill("orders", "--key-file", str(file)).out.endswith("0, of 0 orders\n")
    bestfill("submit", "SOL", "USDC", "1", "--key-file", str(file), engine=engine)
    bestfill("orders", "--key-file", str(file), "--user", "me", engine=engine)
    assert [given["user_id"] for name, given in engine.asked if name != "tokens"] == [None, None, "me"]


def test_what_to_do_next_has_the_same_file_and_never_the_key(bestfill, file: Path):
    error = Unreachable("no answer")
    error.in_doubt = True
    done = bestfill("--key-file", str(file), "--insecure", "submit", "SOL", "USDC", "1", engine=Engine(submit=error))
    again = f"  bestfill --url http://127.0.0.1:3000 --key-file {file} --insecure submit SOL USDC 1 --key "
    assert done.err.splitlines()[-1].startswith(again)
    done = bestfill("submit", "SOL", "USDC", "1", "--key-file", str(file))
    assert done.out.endswith(f"follow it: bestfill watch {order_id()} --key-file {file}\n")
    assert SECRET not in done.out


def test_the_key_does_not_go_over_plain_http_to_another_machine(capsys, file: Path):
    call = ["tokens", "--url", "http://engine.example", "--key-file", str(file)]
    assert run(call) == Exit.REFUSED
    err = capsys.readouterr().err
    assert err.startswith("bestfill: the key must not go over plain http") and "insecure" in err and SECRET not in err


def test_a_traceback_of_debug_does_not_show_the_key(file: Path):
    command = [sys.executable, "-m", "bestfill_cli", "tokens", "--debug", "--url", "http://127.0.0.1:1"]
    env = os.environ | {"BESTFILL_KEY": KEY}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" in done.stderr and SECRET not in done.stderr


def test_each_refusal_says_what_to_do(bestfill):
    forbidden, limited = Forbidden(403, "POLICY_DENIED", "10 SOL a day at most"), Limited(429, "RATE_LIMITED", "busy")
    forbidden.rule, limited.retry_after_s = "BESTFILL_MAX_NOTIONAL_DAY", 7.0
    for error, told in (
        (NotAuthorized(401, "UNAUTHORIZED", "a credential is needed"), HELP),
        (forbidden, "the operator's rule: BESTFILL_MAX_NOTIONAL_DAY"),
        (limited, "there is room again in 7 s"),
    ):
        done = bestfill("submit", "SOL", "USDC", "1", engine=Engine(submit=error))
        assert done.err.splitlines() == [f"bestfill: {error.message}", f"  {told}", "  no order was placed"]


@pytest.mark.parametrize(
    ("key", "turns", "state", "told"),
    [
        (None, [TOKENS], State.OK, "asks for no key"),
        (KEY, [TOKENS], State.OK, "the one that is set is not looked at"),
        (None, [NO_KEY], State.WRONG, "asks for a key, and none is set"),
        (KEY, [NO_KEY, LISTED], State.OK, "takes the one that is set: it is ann's"),
        (KEY, [NO_KEY, NOTHING], State.OK, "takes the one that is set"),
        (KEY, [NO_KEY, WRONG], State.WRONG, "does not take the key: the key is not good"),
        ("bf_cut_off", [NO_KEY, WRONG], State.WRONG, "not even the form of a key"),
        ("a.b.c", [NO_KEY, WRONG], State.WRONG, "the key is not good"),
        (KEY, [NO_KEY, ADMIN], State.WARN, "not for reading orders: needs the scope read"),
        (KEY, [NO_KEY, problem(429, "RATE_LIMITED", "busy")], State.WARN, "can't be told: busy"),
    ],
)
def test_the_doctor_says_what_the_engine_makes_of_the_key(key: str | None, turns: list[Turn], state: State, told: str):
    with stub(*turns) as engine:
        (check,) = access.look(engine.url, key, insecure=False)
        assert [at.header("authorization") for at in engine.asked] == [None, f"Bearer {key}"][: len(turns)]
    assert check.state is state and told in check.detail and bool(check.mend) is (state is not State.OK)
    assert SECRET not in repr(check)


def test_the_doctor_warns_of_an_engine_that_asks_nobody_who_he_is(monkeypatch):
    monkeypatch.setattr(access, "Bestfill", lambda *_, **__: Engine())
    (check,) = access.look("http://engine.example", None, insecure=False)
    assert check.state is State.WARN and "whoever reaches it can trade" in check.detail


def test_an_engine_that_does_not_answer_is_no_matter_of_access():
    assert access.look("http://127.0.0.1:1", KEY, insecure=False) == []


def test_the_doctor_says_why_a_key_is_not_sent(monkeypatch):
    real, no_key = access.Bestfill, Engine(tokens=NotAuthorized(401, "UNAUTHORIZED", "no"))
    monkeypatch.setattr(access, "Bestfill", lambda url, **given: real(url, **given) if "key" in given else no_key)
    (check,) = access.look("http://engine.example", KEY, insecure=False)
    assert check.state is State.WRONG and "plain http" in check.detail and "--insecure" in check.mend
