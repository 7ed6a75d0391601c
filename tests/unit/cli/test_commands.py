"""What each command asks the engine, and what it shows of the answer, to people and to programs."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bestfill.order import Status
from bestfill_cli.commands import orders, stats
from bestfill_cli.exits import Exit
from bestfill_cli.line import app
from bestfill_cli.screen import Screen
from bestfill_client import (
    Activity,
    ActivityStep,
    NotFound,
    Refusal,
    TooLate,
    Unavailable,
    Unreachable,
    VenueActivity,
)
from tests.unit.cli.engines import (
    FAILURE,
    SOL,
    STORY,
    USDC,
    Engine,
    Following,
    attempt,
    event,
    failed,
    order,
    order_id,
    preview,
    quote,
)

HOSTILE = "\x1b]0;x\x07\u202e[bold]"
SHOWN = r"\x1b]0;x\x07\u202e[bold]"
SUBMIT = ("submit", "SOL", "USDC", "1.5")


def test_submit_hands_over_what_was_asked_and_makes_a_key(bestfill):
    engine = Engine()
    done = bestfill(*SUBMIT, "--min-out", "140", "--slippage", "0.3", "--user", "me", engine=engine)
    ((name, asked),) = engine.asked
    key = asked.pop("idempotency_key")
    assert (name, asked) == (
        "submit",
        {
            "swap": ("SOL", "USDC", "1.5"),
            "min_amount_out": "140",
            "slippage": "0.3",
            "expires_at": None,
            "user_id": "me",
        },
    )
    assert len(key) >= 32
    assert done.code == 0
    assert done.out.splitlines()[:3] == [
        f"order     {order_id()}",
        "accepted  2026-11-22T12:37:15.761Z",
        f"key       {key}",
    ]
    assert bestfill(*SUBMIT, "--key", "k-1", "--json", engine=engine).out.endswith('"idempotencyKey":"k-1"}\n')


def test_an_expiry_in_seconds_becomes_a_moment(bestfill):
    engine = Engine()
    before = datetime.now(UTC)
    assert bestfill(*SUBMIT, "--expires-in", "60", engine=engine).code == 0
    moment = datetime.fromisoformat(engine.asked[0][1]["expires_at"])
    assert before <= moment - timedelta(seconds=59.99) and moment <= datetime.now(UTC) + timedelta(seconds=60)


@pytest.mark.parametrize("error", [Unreachable("no answer"), Unavailable(503, "QUEUE_ERROR", "the store is away")])
def test_an_order_in_doubt_comes_with_the_command_that_can_be_repeated(bestfill, error):
    error.in_doubt = True
    engine = Engine(submit=error)
    given = (*SUBMIT, "--min-out", "140", "--expires-in", "60", "--user", "it's me", "--url", "http://h:1")
    done = bestfill(*given, engine=engine)
    asked = engine.asked[0][1]
    assert (done.code, done.out) == (Exit.UNREACHABLE, "")
    again = f"--expires-at {asked['expires_at']} --user 'it'\"'\"'s me' --key {asked['idempotency_key']}"
    assert done.err.splitlines()[-2:] == [
        "  the order may have been accepted; to be sure, repeat it with its key, which never places it twice:",
        f"  bestfill --url http://h:1 submit SOL USDC 1.5 --min-out 140 {again}",
    ]


def test_an_order_that_cannot_have_arrived_is_said_not_to_be_placed(bestfill):
    done = bestfill(*SUBMIT, engine=Engine(submit=Unreachable("no answer")))
    assert done.code == Exit.UNREACHABLE and done.err.endswith("  no order was placed\n")


def test_a_key_that_another_order_has_is_not_said_to_have_placed_nothing(bestfill):
    used = TooLate(409, "CONFLICT", "the Idempotency-Key was used with another request")
    done = bestfill(*SUBMIT, "--key", "k-1", "--expires-in", "60", engine=Engine(submit=used))
    assert done.code == Exit.TOO_LATE and "no order was placed" not in done.err
    assert "another one was earlier, with this key" in done.err and "give its --expires-at" in done.err


def test_an_accepted_order_whose_story_breaks_off_is_still_said_to_be_accepted(bestfill):
    refused = NotFound(404, "NOT_FOUND", "the path is unknown here")
    for how in ((), ("--json",)):
        done = bestfill(*SUBMIT, "--watch", *how, following=Following((), then=refused))
        assert done.code == Exit.UNREACHABLE, "no code that says that there is no order"
        assert done.err.endswith(f"  the order was accepted all the same; follow it: bestfill watch {order_id()}\n")
    done = bestfill(*SUBMIT, "--watch", "--json", "--timeout", "0.05", following=Following((), then=asyncio.Event()))
    assert done.code == Exit.TIMED_OUT and f"bestfill watch {order_id()}\n" in done.err


def test_what_to_do_next_is_asked_of_the_same_engine(bestfill):
    assert bestfill(*SUBMIT, "--url", "http://h:1").out.endswith(f": bestfill watch {order_id()} --url http://h:1\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [(BrokenPipeError(), Exit.UNREAD), (OSError(28, "full"), Exit.UNFORESEEN), (KeyboardInterrupt(), Exit.INTERRUPTED)],
)
def test_an_accepted_order_that_cannot_be_shown_is_told_on_standard_error(bestfill, monkeypatch, error, code):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Screen, "record", fail)
    monkeypatch.setattr(Screen, "stop", lambda _: None)
    done = bestfill(*SUBMIT)
    assert done.code == code and f"bestfill watch {order_id()}\n" in done.err


def test_an_interrupted_submit_says_how_to_be_sure(bestfill):
    done = bestfill(*SUBMIT, "--key", "k-1", engine=Engine(submit=KeyboardInterrupt()))
    assert done.code == Exit.INTERRUPTED
    assert "the order may have been accepted" in done.err and "--key k-1\n" in done.err


def test_an_unforeseen_end_of_submit_says_how_to_be_sure_too(bestfill):
    done = bestfill(*SUBMIT, "--key", "k-1", engine=Engine(submit=ZeroDivisionError()))
    assert done.code == Exit.UNFORESEEN and "--key k-1\n" in done.err and "Traceback" not in done.err


def test_watching_shows_a_line_a_state_and_then_a_receipt(bestfill):
    done = bestfill(*SUBMIT, "--watch")
    tx = "5" * 88
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"order {order_id()}",
        "      0 ms pending   1.5 SOL to USDC for at least 140 USDC",
        "      8 ms routing",
        "    2.69 s building  raydium offers 216.15 USDC: pays the most",
        f"    2.69 s submitted raydium {tx}",
        "    5.62 s confirmed 1.5 SOL paid, 216.15 USDC received",
        "",
        f"order     {order_id()}",
        "status    confirmed",
        "paid      1.5 SOL",
        "received  216.15 USDC",
        "price     144.1 USDC per SOL",
        "venue     raydium",
        f"txHash    {tx}",
        "took      5.62 s from acceptance",
        "attempts  1",
    ]


def test_an_order_that_failed_ends_with_1_and_says_why(bestfill):
    done = bestfill(*SUBMIT, "--watch", following=Following(FAILURE))
    assert done.code == Exit.FAILED
    assert "    12 ms failed    ROUTING_ERROR: no venue meets the minimum output\n" in done.out
    assert "\nwhy       ROUTING_ERROR: no venue meets the minimum output\n" in done.out


def test_a_stream_as_json_is_the_events_as_on_the_wire(bestfill):
    done = bestfill("watch", order_id(), "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [list(message) for message in told] == [
        ["event", "orderId", "seq", "userSeq", "status", "attempt", "data", "timestamp"]
    ] * 5
    assert [m["event"] for m in told] == ["status_update"] * 5
    assert [m["data"] for m in told] == [e.data for e in STORY]
    assert bestfill(*SUBMIT, "--watch", "--json").out == done.out


def test_watching_from_an_event_on_shows_the_later_ones_and_still_knows_the_tokens(bestfill):
    done = bestfill("watch", order_id(), "--since", "3")
    assert done.code == 0 and "received  216.15 USDC" in done.out
    assert [line.split()[2] for line in done.out.splitlines()[1:3]] == ["submitted", "confirmed"]
    assert bestfill("watch", order_id(), "--since", "9", "--json") == (0, "", "")


def test_watching_ends_in_time(bestfill):
    following = Following(STORY[:2], then=asyncio.Event())
    done = bestfill("watch", order_id(), "--timeout", "0.05", following=following)
    assert done.code == Exit.TIMED_OUT and "is still routing after 0.05 s; it goes on" in done.err


def test_a_retry_and_a_flag_are_told(bestfill):
    again = event(3, "pending", 20, attempt=2, errorCode="QUOTE_ERROR", errorReason="no venue answered in time")
    flag = event(4, "submitted", 30, attention="the chain says nothing")
    end = event(5, "failed", 40, attempt=2, errorCode="EXPIRED", errorReason="late")
    done = bestfill("watch", order_id(), following=Following((*FAILURE[:2], again, flag, end)))
    assert "pending   attempt 2 comes next: QUOTE_ERROR: no venue answered in time\n" in done.out
    assert "submitted needs a person: the chain says nothing\n" in done.out and "\nattempts  2\n" in done.out


def test_events_of_a_newer_engine_are_shown_whatever_they_hold(bestfill):
    odd = event(2, "resting", 5, dex={"a": [1]}, txHash=7)
    end = event(3, "confirmed", -9, amountIn=["x"], amountOut=None, dex=True)
    done = bestfill("watch", order_id(), following=Following((event(1, "pending"), odd, end)))
    assert done.code == 0 and "resting" in done.out


def test_all_of_a_users_orders_can_be_watched(bestfill):
    following = Following([*STORY[:2], event(1, "pending", n=2, **STORY[0].data)])
    done = bestfill("watch", "--user", "me", "--since", "4", following=following)
    assert (done.code, following.asked) == (0, [("me", 4)])
    assert done.out.splitlines()[2] == f"08:00:00.000Z {order_id(2)} pending   1.5 SOL to USDC for at least 140 USDC"


def test_a_watch_without_the_token_list_shows_mints(bestfill):
    done = bestfill("watch", order_id(), following=Following(tokens=NotFound(404, "NOT_FOUND", "no")))
    assert "received  216.15 EPjF…Dt1v\n" in done.out


def test_a_quote_shows_every_venue_and_the_choice(bestfill):
    engine = Engine()
    done = bestfill("quote", "SOL", "USDC", "1.5", "--min-out", "140", engine=engine)
    assert engine.asked[0][1]["min_amount_out"] == "140"
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            "   venue           pays  impact     fee  why",
            "*  raydium  216.15 USDC     0 %  0.25 %  pays the most",
            "   meteora   208.1 USDC     0 %  0.25 %  pays less",
            "",
            "pays      1.5 SOL",
            "receives  216.15 USDC",
            "at least  215.06925 USDC, after 0.5 % slippage",
            "price     144.1 USDC per SOL",
            "venue     raydium: pays the most",
        ],
    )
    assert json.loads(bestfill("quote", "SOL", "USDC", "1.5", "--json").out)["minOut"] == "215.06925"


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_a_quote_that_no_venue_gives_ends_with_1(bestfill, how):
    none = dict.fromkeys(("chosen", "amount_out", "min_out", "price"))
    found = preview(quote(chosen=False, out=None, reason="away"), code="QUOTE_ERROR", **none | {"reason": "no answer"})
    done = bestfill("quote", "SOL", "USDC", "1.5", *how, engine=Engine(quote=found))
    assert (done.code, done.err) == (Exit.FAILED, "")
    assert "QUOTE_ERROR" in done.out and "away" in done.out


def test_orders_are_listed_with_what_became_of_them(bestfill):
    done = bestfill("orders", "--user", "user-123", engine=Engine([order(2), failed(1)]))
    head, first, second, total = done.out.splitlines()
    assert head.split() == ["order", "status", "pays", "receives", "venue", "took", "attempts", "accepted", "why"]
    assert first.split()[:7] == [order_id(2), "confirmed", "1.5", "SOL", "216.15", "USDC", "raydium"]
    assert second.endswith("2026-11-22T12:37:15Z  ROUTING_ERROR: no venue meets the minimum output")
    assert total == "2, of 2 orders of user-123"


def test_orders_of_one_status_are_found_over_many_pages(bestfill):
    kept = [order(n) if n % 50 else failed(n) for n in range(1, 401)]
    engine = Engine(kept)
    page = json.loads(
        bestfill("orders", "--status", "failed", "--limit", "3", "--offset", "2", "--json", engine=engine).out
    )
    assert [o["id"] for o in page["orders"]] == [order_id(n) for n in (150, 200, 250)]
    assert (page["limit"], page["offset"], page["total"], page["userSeq"]) == (3, 2, 400, 7)
    assert [asked["offset"] for _, asked in engine.asked] == [0, 100, 200]


def test_more_orders_than_a_page_holds_can_be_listed(bestfill):
    engine = Engine([order(n) for n in range(250)])
    page = json.loads(bestfill("orders", "--limit", "220", "--offset", "10", "--json", engine=engine).out)
    assert [o["id"] for o in page["orders"]] == [order_id(n) for n in range(10, 230)]


def test_orders_that_move_down_while_they_are_listed_are_listed_once(bestfill):
    class Busy(Engine):
        def orders(self, user_id: str, limit: int, offset: int):
            page = super().orders(user_id, limit, offset)
            self.kept.insert(0, order(1_000 + len(self.kept)))
            return page

    page = json.loads(bestfill("orders", "--limit", "250", "--json", engine=Busy([order(n) for n in range(250)])).out)
    assert [o["id"] for o in page["orders"]] == [order_id(n) for n in range(250)]


def test_an_engine_that_gives_the_same_page_for_ever_is_not_asked_for_ever(bestfill):
    class Stuck(Engine):
        def orders(self, user_id: str, limit: int, offset: int):
            return super().orders(user_id, limit, 0)

    engine = Stuck([order(n) for n in range(100)])
    assert bestfill("orders", "--status", "failed", engine=engine).code == 0


def test_a_search_that_does_not_reach_the_oldest_orders_says_so(bestfill, monkeypatch):
    monkeypatch.setattr(orders, "PAGES_MAX", 2)
    engine = Engine([order(n) for n in range(201)])
    told = bestfill("orders", "--status", "failed", "--user", "me", engine=engine).out
    assert told.endswith("\n0 that are failed, of the newest 200 of 201 orders of me\n")


def test_every_status_can_be_asked_for(bestfill):
    for status in Status:
        assert bestfill("orders", "--status", status.value, engine=Engine([order()])).code == 0


def test_an_order_is_shown_with_its_attempts_quotes_and_events(bestfill):
    attempts = (attempt(attention="the chain says nothing"),)
    done = bestfill("show", order_id(), engine=Engine(executions=attempts))
    assert done.code == 0
    for said in (
        "price     144.1 USDC per SOL",
        f"tokens    {SOL} {USDC}",
        "needs a person  the chain says nothing",
        "*  raydium  216.15 USDC",
        "5.62 s confirmed",
    ):
        assert said in done.out
    shown = json.loads(bestfill("show", order_id(), "--json").out)
    assert list(shown) == ["order", "executions", "events"] and len(shown["events"]) == 5


def test_a_cancelled_order_is_said_to_be(bestfill):
    assert bestfill("cancel", order_id()) == (0, f"order {order_id()} is cancelled: nothing was swapped\n", "")
    assert json.loads(bestfill("cancel", order_id(), "--json").out)["id"] == order_id()
    late = TooLate(409, "CONFLICT", "the order is signed")
    assert bestfill("cancel", order_id(), engine=Engine(cancel=late)) == (4, "", "bestfill: the order is signed\n")
    late.in_doubt, late.advice = True, "the order may have been cancelled all the same"
    done = bestfill("cancel", order_id(), engine=Engine(cancel=late))
    assert done.code == Exit.UNREACHABLE and done.err.endswith("\n  the order may have been cancelled all the same\n")


def test_figures_are_shown_also_by_an_engine_that_has_no_recent_ones(bestfill):
    assert "need a person  6\nsigning        goes on\n" in bestfill("stats").out
    halted = msgspec.structs.replace(Engine().queue_stats(), halted=True)
    assert "signing        halted by an operator\n" in bestfill("stats", engine=Engine(queue_stats=halted)).out
    old = Engine(activity=NotFound(404, "NOT_FOUND", "no"))
    assert bestfill("stats", engine=old).code == 0
    assert json.loads(bestfill("stats", "--json", engine=old).out)["activity"] is None


def test_figures_can_be_watched_until_interrupted(bestfill, monkeypatch):
    waits = iter([None, None])

    def wait(_: float) -> None:
        if next(waits, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", wait)
    done = bestfill("stats", "--watch", "--json")
    assert done.code == Exit.INTERRUPTED
    assert [json.loads(line)["queue"]["waitingCount"] for line in done.out.splitlines()] == [1, 1, 1]


def test_the_address_and_the_user_come_from_options_then_the_environment(bestfill, seen, monkeypatch):
    def used(*arguments: str) -> tuple[str, str]:
        assert bestfill(*arguments).code == 0
        return seen[-1].url, seen[-1].user

    monkeypatch.setattr("getpass.getuser", lambda: "login")
    assert used("orders") == ("http://127.0.0.1:3000", "login")
    monkeypatch.setenv("BESTFILL_URL", "http://env:1")
    monkeypatch.setenv("BESTFILL_USER", "env")
    assert used("orders") == ("http://env:1", "env")
    assert used("--url", "http://before:1", "--user", "before", "orders") == ("http://before:1", "before")
    assert used("--user", "before", "orders", "--url", "http://after:1", "--user", "after") == (
        "http://after:1",
        "after",
    )


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("uid")])
def test_a_login_name_that_cannot_be_told_is_a_trader(bestfill, seen, monkeypatch, error):
    def fail() -> str:
        raise error

    monkeypatch.setattr("getpass.getuser", fail)
    assert bestfill("orders").code == 0 and seen[-1].user == "trader"


def test_nothing_that_venues_users_and_servers_say_reaches_the_terminal_as_it_is(bestfill):
    bad = failed(1, reason=HOSTILE)
    hostile = Engine(
        [bad],
        order=bad,
        quote=preview(quote(dex=HOSTILE, reason=HOSTILE), reason=HOSTILE, chosen=HOSTILE),
        executions=(attempt(attention=HOSTILE, quotes=(quote(reason=HOSTILE),)),),
    )
    story = (event(1, "pending", **STORY[0].data), event(2, HOSTILE), event(3, "failed", errorReason=HOSTILE))
    for arguments in (("orders",), ("show", order_id()), ("quote", "SOL", "USDC", "1"), ("watch", order_id())):
        done = bestfill(*arguments, engine=hostile, following=Following(story))
        assert SHOWN in done.out
        assert all(c.isprintable() or c == "\n" for c in done.out + done.err)


def test_every_command_takes_json_and_explains_itself(bestfill):
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    asking = ["submit", "quote", "watch", "orders", "show", "cancel", "stats", "tokens"]
    assert names == [*asking, "verify", "doctor", "halt", "resume", "audit"]
    of_keys = [f"keys {verb}" for verb in ("create", "list", "revoke", "rotate")]
    for name in [*names, *of_keys]:
        done = bestfill(*name.split(), "--help")
        assert done.code == 0 and "--json" in done.out
        assert not re.search(r"--help\s*$", done.out)


def test_the_version_is_that_of_the_project(bestfill):
    from bestfill import __version__

    assert bestfill("--version") == (0, f"bestfill {__version__}\n", "")


def test_nothing_heavy_is_imported_to_show_the_help():
    import subprocess
    import sys

    code = "import sys; from bestfill_cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"sqlalchemy", "asyncpg", "redis", "httpx", "websockets", "rich", "litestar", "attrs"}
    assert "bestfill_client" not in loaded


def test_the_last_minutes_are_shown_with_the_venues(bestfill):
    steps = tuple(
        ActivityStep(at="2026-11-22T12:00:00Z", accepted=n, confirmed=n, failed=0, p50_ms=n * 1_000, p95_ms=n * 1_500)
        for n in (1, 2)
    )
    refusal = Refusal(reason=HOSTILE, at="2026-11-22T12:00:00Z")
    venue = VenueActivity(dex="raydium", asked=9, quoted=8, won=7, confirmed=6, last_refusal=refusal)
    activity = Activity(started_at="2026-11-22T12:00:00Z", step_s=30, steps=steps, venues=(venue,))
    done = bestfill("stats", engine=Engine(activity=activity))
    assert "last 1 min       3 accepted, 3 confirmed, 0 failed\n" in done.out
    assert "time to confirm  2.00 s for half, 3.00 s for 95 %, of the latest\n" in done.out
    assert done.out.endswith(f"raydium      9       8    7          6  2026-11-22T12:00:00Z {SHOWN}\n")


def test_the_chart_of_the_last_minutes_is_as_high_as_its_highest():
    assert stats._bars([0, 1, 7, 14]) == "▁▁▄█" and stats._bars([0, 0]) == "▁▁" and stats._bars([]) == ""
