"""What reaches a terminal, a pipe and a program: nothing hostile, nothing cut off, nothing that is read as markup."""

import io
import json
import re

import pytest

from bestfill_cli.screen import Column, Marked, Screen
from bestfill_cli.visible import visible

HOSTILE = "\x1b[2Jgone\x9b31m\u202egnp.exe\u2066\r\n\t\x07[red]x[/red] :smile: \ud800"
SHOWN = r"\x1b[2Jgone\x9b31m\u202egnp.exe\u2066\r\n\t\x07[red]x[/red] :smile: \ud800"
COLUMNS = (Column("order"), Column("venue", rank=1), Column("pays", right=True), Column("why", rank=2, wraps=True))
ROWS = [("o-1", "raydium", "1.5 SOL", "pays the most"), ("o-22", None, Marked("2 SOL", "bad"), None)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(out: io.StringIO, width: int = 80) -> tuple[Screen, io.StringIO]:
    err = io.StringIO()
    return Screen(out, err, width), err


def no_styles(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_what_could_drive_a_terminal_is_made_visible():
    assert visible(HOSTILE) == SHOWN
    assert visible("größe 日本 שלום 1.5") == "größe 日本 שלום 1.5"


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_nothing_hostile_gets_through_anywhere(kind: type[io.StringIO]):
    out = kind()
    made, err = screen(out, 400)
    made.say(HOSTILE, Marked(HOSTILE, "good"))
    made.record({"name": HOSTILE})
    made.table((Column("a"), Column("b", wraps=True)), [(HOSTILE, HOSTILE)])
    made.complain(HOSTILE)
    assert no_styles(out.getvalue()).count(SHOWN) == 5 and err.getvalue() == f"bestfill: {SHOWN}\n"
    left = no_styles(out.getvalue()) + err.getvalue()
    assert all(c.isprintable() or c == "\n" for c in left)


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_json_is_ascii_and_comes_back_as_it_was(kind: type[io.StringIO]):
    out = kind()
    made, _ = screen(out)
    made.document({"reason": HOSTILE})
    assert out.getvalue().isascii() and json.loads(out.getvalue()) == {"reason": HOSTILE}
    assert all(c.isprintable() or c == "\n" for c in out.getvalue())


def test_a_stream_has_one_object_a_line_on_a_terminal_too():
    out = Terminal()
    made, _ = screen(out)
    made.document({"a": [1, {"b": 2}]}, indent=False)
    assert out.getvalue() == '{"a":[1,{"b":2}]}\n'


def test_a_pipe_gets_every_column_in_full_and_no_styles():
    out = io.StringIO()
    made, _ = screen(out, 10)
    made.table(COLUMNS, ROWS)
    made.say(Marked("x" * 200, "good"))
    assert out.getvalue().splitlines() == [
        "order  venue       pays  why",
        "o-1    raydium  1.5 SOL  pays the most",
        "o-22   -          2 SOL  -",
        "x" * 200,
    ]


def test_a_terminal_gets_colours_unless_it_wants_none(monkeypatch: pytest.MonkeyPatch):
    def shown() -> str:
        made, _ = screen(out := Terminal())
        made.say(Marked("confirmed", "good"))
        return out.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    assert shown() == "\x1b[32mconfirmed\x1b[0m\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32" not in shown()
    monkeypatch.setenv("TERM", "dumb")
    assert shown() == "confirmed\n"


def test_a_narrower_terminal_leaves_out_columns_and_a_narrow_one_shows_records():
    def shown(width: int) -> list[str]:
        made, _ = screen(out := Terminal(), width)
        made.table(COLUMNS, ROWS)
        return [line.rstrip() for line in no_styles(out.getvalue()).splitlines()]

    assert shown(80)[1] == "o-1    raydium  1.5 SOL  pays the most"
    assert shown(30)[1] == "o-1    raydium  1.5 SOL"
    assert shown(20)[1] == "o-1    1.5 SOL"
    assert shown(10)[:5] == ["order  o-1", "venue  raydium", "pays   1.5 SOL", "why    pays the most", ""]


def test_a_text_without_end_is_cut_for_people_and_whole_for_programs():
    made, _ = screen(out := io.StringIO())
    made.say("x" * 9_999)
    made.document("x" * 9_999)
    said, told = out.getvalue().splitlines()
    assert said == "x" * 1_000 + "…" and json.loads(told) == "x" * 9_999


def test_a_long_id_stays_in_one_piece_to_be_copied():
    made, _ = screen(out := Terminal(), 40)
    made.record({"txHash": "5" * 88})
    assert no_styles(out.getvalue()) == f"txHash  {'5' * 88}\n"
