"""Which exit code stands for what, and what people read when something goes wrong."""

import enum
import subprocess
import sys

import httpx
import pytest

from bestfill_cli.exits import Exit
from bestfill_client import (
    BadAnswer,
    EngineError,
    FieldError,
    Forbidden,
    Limited,
    NotAllowed,
    NotAuthorized,
    NotFound,
    NotValid,
    Refused,
    TimedOut,
    TooLate,
    Unavailable,
    Unreachable,
    WrongArgument,
)
from tests.unit.cli.engines import Engine, order_id
from tests.unit.client.stub import keeps_silent, stub


def test_the_codes_are_those_that_scripts_rely_on():
    assert {code.name: code.value for code in Exit} == {
        "DONE": 0,
        "FAILED": 1,
        "REFUSED": 2,
        "NOT_FOUND": 3,
        "TOO_LATE": 4,
        "UNREACHABLE": 5,
        "TIMED_OUT": 6,
        "DENIED": 7,
        "UNFORESEEN": 70,
        "INTERRUPTED": 130,
        "UNREAD": 141,
    }
    assert issubclass(Exit, enum.IntEnum)


@pytest.mark.parametrize("kind", [NotValid, NotAllowed, NotFound, TooLate])
def test_an_order_in_doubt_has_no_code_that_says_it_was_refused(bestfill, kind):
    error = kind(400, "NO", "no")
    error.in_doubt = True
    done = bestfill("submit", "SOL", "USDC", "1", engine=Engine(submit=error))
    assert done.code == Exit.UNREACHABLE and "the order may have been accepted" in done.err


def test_a_terminated_submit_says_how_to_be_sure():
    with stub(keeps_silent) as engine:
        command = [
            sys.executable,
            "-m",
            "bestfill_cli",
            "submit",
            "SOL",
            "USDC",
            "1",
            "--key",
            "k-1",
            "--url",
            engine.url,
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                engine.called.wait(60)
                process.terminate()
                _, err = process.communicate(timeout=60)
            finally:
                process.kill()
    assert process.returncode == Exit.INTERRUPTED and "--key k-1\n" in err


def test_a_closed_standard_output_is_no_fault(bestfill, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert bestfill("tokens").code == 0


def test_the_help_text_tells_each_code(bestfill):
    done = bestfill("--help")
    assert done.code == 0
    for code in Exit:
        assert f"{code.value:>5}  {code.meaning}\n" in done.out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotValid(400, "VALIDATION_ERROR", "no"), Exit.REFUSED),
        (WrongArgument("order_id", "must be a UUID"), Exit.REFUSED),
        (NotAuthorized(401, "UNAUTHORIZED", "no"), Exit.DENIED),
        (Forbidden(403, "POLICY_DENIED", "no"), Exit.DENIED),
        (Refused(413, "BODY_TOO_LARGE", "no"), Exit.REFUSED),
        (NotFound(404, "NOT_FOUND", "no"), Exit.NOT_FOUND),
        (TooLate(409, "CONFLICT", "no"), Exit.TOO_LATE),
        (Unreachable("no"), Exit.UNREACHABLE),
        (BadAnswer("no"), Exit.UNREACHABLE),
        (Unavailable(503, "NOT_READY", "no"), Exit.UNREACHABLE),
        (Limited(429, "RATE_LIMITED", "no"), Exit.UNREACHABLE),
        (Refused(500, "INTERNAL_ERROR", "no"), Exit.UNREACHABLE),
        (TimedOut(order_id(), "pending", 1), Exit.TIMED_OUT),
        (EngineError("no"), Exit.REFUSED),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (OSError(28, "No space left on device"), Exit.UNFORESEEN),
        (ZeroDivisionError("hunter2"), Exit.UNFORESEEN),
    ],
)
def test_each_error_has_its_code_and_a_plain_line(bestfill, error, code):
    done = bestfill("show", order_id(), engine=Engine(order=error))
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("bestfill: ") and "Traceback" not in done.err and "hunter2" not in done.err


def test_an_unforeseen_error_shows_its_traceback_only_if_asked(bestfill):
    engine = Engine(tokens=ZeroDivisionError("x"))
    assert bestfill("tokens", engine=engine).err == (
        "bestfill: an unforeseen ZeroDivisionError; the same with --debug shows where it came from\n"
    )
    for arguments in (("tokens", "--debug"), ("--debug", "tokens")):
        done = bestfill(*arguments, engine=engine)
        assert done.code == Exit.UNFORESEEN and "Traceback" in done.err


def test_wrong_fields_have_the_names_of_the_command_line(bestfill):
    errors = [
        FieldError("amountIn", "must be more than 0"),
        FieldError("minAmountOut", "must be a number"),
        FieldError("userId", "must not be blank\x1b[2J"),
        FieldError("", "the body is wrong"),
    ]
    engine = Engine(submit=NotValid(400, "VALIDATION_ERROR", "x", errors))
    assert bestfill("submit", "SOL", "USDC", "0", engine=engine).err == (
        "bestfill: the engine refused this:\n"
        "  AMOUNT must be more than 0\n"
        "  --min-out must be a number\n"
        "  --user must not be blank [2J\n"
        "  the body is wrong\n"
        "  no order was placed\n"
    )
    engine = Engine(quote=NotValid(400, "VALIDATION_ERROR", "x", errors[:1]))
    assert bestfill("quote", "SOL", "USDC", "0", engine=engine).err == "bestfill: AMOUNT must be more than 0\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("submit", "SOL"),
        ("submit", "SOL", "USDC", "1", "--expires-in", "0"),
        ("submit", "SOL", "USDC", "1", "--expires-in", "99999999999999"),
        ("submit", "SOL", "USDC", "1", "--expires-in", "9", "--expires-at", "2030-01-01T00:00:00Z"),
        ("submit", "SOL", "USDC", "1", "--timeout", "9"),
        ("orders", "--limit", "0"),
        ("orders", "--status", "lost\x1b[2J"),
        ("watch", "--since", "-1"),
        ("tokens", "more"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_how_it_is_called(bestfill, arguments):
    engine = Engine()
    done = bestfill(*arguments, engine=engine)
    assert (done.code, done.out, engine.asked) == (Exit.REFUSED, "", [])
    assert done.err.startswith("bestfill: ") and "\n  usage: bestfill" in done.err and "\x1b" not in done.err


def test_no_command_at_all_shows_the_help_and_ends_with_2(bestfill):
    done = bestfill()
    assert done.code == Exit.REFUSED and done.out == bestfill("--help").out


def test_a_wrong_address_is_refused_before_anything_is_sent(monkeypatch, capsys):
    from bestfill_cli.main import run

    def never(*_: object) -> None:
        raise AssertionError("sent")

    monkeypatch.setattr(httpx.Client, "send", never)
    for url in ("ftp://x", "http://me:hunter2@h", "x"):
        assert run(["tokens", "--url", url]) == Exit.REFUSED
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("bestfill: --url must ") and "hunter2" not in err
