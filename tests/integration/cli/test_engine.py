"""The command line against real engines: one that is quick, and one whose venues take their time."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bestfill_cli.exits import Exit
from bestfill_cli.main import run
from tests.embedded import Engine

BESTFILL = Path(sys.executable).with_name("bestfill")
STORY = ["pending", "routing", "building", "submitted", "confirmed"]
SUBMIT = ("submit", "SOL", "USDC", "1.5")


def environment(**settings: str) -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quick")


@pytest.fixture(scope="module")
def quick(folder: Path) -> Iterator[str]:
    with Engine(folder) as engine:
        yield engine.url


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    waits = {"BESTFILL_MOCK_QUOTE_MS": "600000", "BESTFILL_QUOTE_TIMEOUT_MS": "600000"}
    with Engine(tmp_path_factory.mktemp("slow"), **waits) as engine:
        yield engine.url


@pytest.fixture
def bestfill(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> tuple[int, str, str]:
        return run(arguments), *capsys.readouterr()

    return call


class Started(NamedTuple):
    process: subprocess.Popen[str]

    def until(self, status: str) -> None:
        assert self.process.stdout is not None
        assert any(f" {status}" in line for line in self.process.stdout)

    def ended(self) -> tuple[int, str]:
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err


@contextmanager
def started(url: str, *arguments: str) -> Iterator[Started]:
    """Run the command as a process of its own, which no terminal has."""
    pipe, env = subprocess.PIPE, environment(BESTFILL_URL=url, BESTFILL_USER="user-1")
    with subprocess.Popen([BESTFILL, *arguments], env=env, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield Started(process)
        finally:
            process.kill()


def orders(bestfill, url: str, user: str, *more: str) -> Sequence[dict[str, Any]]:
    code, out, err = bestfill("orders", "--url", url, "--user", user, "--json", *more)
    assert (code, err) == (0, "")
    return json.loads(out)["orders"]


def test_an_order_is_watched_to_its_receipt(quick: str):
    env = environment(BESTFILL_URL=quick, BESTFILL_USER="user-1")
    command = [BESTFILL, *SUBMIT, "--min-out", "1", "--watch"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("order ")
    told = [word for line in lines[1 : lines.index("")] for word in line.split() if word in STORY]
    assert told == STORY
    receipt = dict(line.split(None, 1) for line in lines[lines.index("") + 1 :])
    assert receipt["status"] == "confirmed" and receipt["paid"] == "1.5 SOL" and receipt["received"].endswith(" USDC")
    assert receipt["venue"] in {"raydium", "meteora"} and receipt["attempts"] == "1" and len(receipt["txHash"]) > 80


def test_what_was_placed_is_found_again_in_every_way(bestfill, quick: str):
    code, out, _ = bestfill(*SUBMIT, "--url", quick, "--user", "user-2", "--watch", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, [event["status"] for event in events]) == (0, STORY)
    order_id = events[0]["orderId"]
    (order,) = orders(bestfill, quick, "user-2", "--status", "confirmed")
    assert order["id"] == order_id and orders(bestfill, quick, "user-2", "--status", "failed") == []
    shown = json.loads(bestfill("show", order_id, "--url", quick, "--json")[1])
    assert shown["order"] == order and shown["events"] == events and shown["executions"][0]["outcome"] == "landed"
    for arguments in (("watch", order_id), ("show", order_id), ("orders", "--user", "user-2"), ("stats",), ("tokens",)):
        code, out, err = bestfill(*arguments, "--url", quick)
        assert (code, err) == (0, "") and out


def test_the_same_key_places_an_order_once(bestfill, quick: str):
    def place(amount: str) -> tuple[int, str, str]:
        arguments = ("submit", "SOL", "USDC", amount, "--key", "k-1", "--url", quick, "--user", "user-3", "--json")
        return bestfill(*arguments)

    first, second = place("1"), place("1")
    assert json.loads(first[1]) == json.loads(second[1]) and (first[0], second[0]) == (0, 0)
    assert place("2")[0] == Exit.TOO_LATE
    assert len(orders(bestfill, quick, "user-3")) == 1


def test_an_order_that_cannot_be_filled_ends_with_1(bestfill, quick: str):
    code, out, _ = bestfill(*SUBMIT, "--min-out", "999999", "--url", quick, "--watch")
    assert code == Exit.FAILED and "ROUTING_ERROR: " in out
    assert bestfill("quote", "SOL", "USDC", "1.5", "--min-out", "999999", "--url", quick)[0] == Exit.FAILED
    assert bestfill("quote", "SOL", "USDC", "1.5", "--url", quick)[0] == Exit.DONE


def test_what_the_engine_refuses_is_told_by_field(bestfill, quick: str):
    code, out, err = bestfill("submit", "SOL", "XYZ", "0", "--slippage", "99", "--url", quick)
    assert (code, out) == (Exit.REFUSED, "")
    for said in (
        "TOKEN_OUT is not a known symbol",
        "AMOUNT must be more than 0",
        "--slippage must be from 0 to 10 percent",
    ):
        assert said in err
    nobody = "01a20342-bf71-7304-bcda-895e8e7b2da3"
    for command in ("show", "cancel", "watch"):
        code, _, err = bestfill(command, nobody, "--url", quick)
        assert (code, err) == (Exit.NOT_FOUND, "bestfill: there is no such order\n")


def test_a_cancelled_order_ends_for_whoever_watches_it(bestfill, slow: str):
    with started(slow, *SUBMIT, "--watch") as watching:
        watching.until("routing")
        (order,) = [o for o in orders(bestfill, slow, "user-1") if o["status"] == "routing"]
        assert bestfill("cancel", order["id"], "--url", slow)[0] == Exit.DONE
        assert watching.ended() == (Exit.FAILED, "")
    code, _, err = bestfill("cancel", order["id"], "--url", slow)
    assert code == Exit.TOO_LATE and err.startswith("bestfill: the order ")


def test_ctrl_c_ends_the_watching_and_not_the_order(bestfill, slow: str):
    with started(slow, *SUBMIT, "--watch") as watching:
        watching.until("routing")
        watching.process.send_signal(signal.SIGINT)
        code, err = watching.ended()
    (order,) = orders(bestfill, slow, "user-1", "--status", "routing")
    assert code == Exit.INTERRUPTED and err.splitlines() == [
        "bestfill: interrupted; the order goes on",
        f"  follow it: bestfill watch {order['id']} --url {slow}",
        f"  end it, if it is not signed yet: bestfill cancel {order['id']} --url {slow}",
    ]
    code, _, err = bestfill("watch", order["id"], "--timeout", "0.5", "--url", slow)
    assert code == Exit.TIMED_OUT and "it goes on" in err
    assert bestfill("cancel", order["id"], "--url", slow)[0] == Exit.DONE


@pytest.mark.parametrize("arguments", [SUBMIT, ("quote", "SOL", "USDC", "1"), ("orders",), ("tokens",)])
def test_an_engine_that_is_not_there_ends_with_5(bestfill, arguments: tuple[str, ...]):
    code, out, err = bestfill(*arguments, "--url", "http://127.0.0.1:1")
    assert (code, out) == (Exit.UNREACHABLE, "")
    assert "no answer from http://127.0.0.1:1" in err and "--url" in err


def test_it_ends_quietly_when_nobody_reads_on(quick: str):
    command = f"'{BESTFILL}' tokens | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env=environment(BESTFILL_URL=quick), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (Exit.UNREAD, "")


def test_the_doctor_finds_a_sound_engine_sound_and_leaves_no_trace(bestfill, monkeypatch, quick: str, folder: Path):
    monkeypatch.setenv("BESTFILL_DATA_DIR", str(folder / "var"))
    monkeypatch.setenv("PORT", "0")
    before = sorted(path.name for path in (folder / "var").iterdir())
    code, out, err = bestfill("doctor", "--url", quick, "--json")
    told = json.loads(out)
    assert (code, err, told["ok"]) == (0, "", True)
    assert {check["what"]: check["state"] for check in told["checks"]} == dict.fromkeys(
        ("settings", "data folder", "database", "venues", "engine", "access", "clock", "orders"), "ok"
    )
    assert sorted(path.name for path in (folder / "var").iterdir()) == before
    assert bestfill("doctor", "--url", quick)[1].count("\nok ") == 8


def test_the_doctor_says_how_to_mend_an_engine_that_is_not_there(bestfill, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("BESTFILL_DATA_DIR", str(tmp_path / "none"))
    code, out, _ = bestfill("doctor", "--url", "http://127.0.0.1:1")
    assert code == Exit.FAILED and "start it, as with ./dev run" in out
    assert [*tmp_path.iterdir()] == []
