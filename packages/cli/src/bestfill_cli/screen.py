"""Where all output goes: tables and colours for people on a terminal, plain lines for a pipe, JSON for programs."""

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from bestfill_cli.visible import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

NOTHING: Final = "-"
"""What a column has where there is nothing."""
_GAP: Final = 2
_WRAPPED_CHARS: Final = 24
"""How narrow a column that may wrap may get, before the table is shown as records."""
_TEXT_MAX_CHARS: Final = 1_000
"""More than anything has that means well; JSON is never cut."""
_STYLES: Final = {"good": "green", "bad": "red", "odd": "yellow", "dim": "dim", "strong": "bold"}


class Marked(NamedTuple):
    """Text with a style: good, bad, odd, dim or strong."""

    text: str
    style: str


Cell: TypeAlias = str | Marked | None


class Column(NamedTuple):
    """A column of a table. Where there is no room, those of the highest rank go first; `wraps` may take more lines."""

    name: str
    rank: int = 0
    right: bool = False
    wraps: bool = False


class Screen:
    """Standard output and standard error. Texts may be hostile: each is made visible here, and none is markup."""

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None, width: int | None = None) -> None:
        # A process may be started with these closed; then there is none.
        self._out, self._err = out or sys.stdout or io.StringIO(), err or sys.stderr or io.StringIO()
        self.terminal = self._out.isatty() and os.environ.get("TERM") != "dumb"
        self._width = width
        self._made: Console | None = None

    def say(self, *cells: Cell) -> None:
        """Write a line of these parts, with a space in between."""
        parts = [cell for cell in cells if cell is not None]
        if self.terminal:
            self.console.print(_line(parts), soft_wrap=True)  # where the terminal breaks a line, an id can be copied
            self._out.flush()
        else:
            self._write(" ".join(_text(part) for part in parts).rstrip())

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """Write a table with a heading; on a terminal too narrow for it, without some columns or as records."""
        if not self.terminal:
            self._plain_table(columns, rows)
            return
        shown = _fitting(columns, rows, self.console.width)
        if shown is None:
            for row in rows:
                self.record({column.name: cell for column, cell in zip(columns, row, strict=True)})
                self.say("")
            return
        self.console.print(
            self.rich_table([columns[place] for place in shown], [[row[place] for place in shown] for row in rows])
        )
        self._out.flush()

    def record(self, fields: Mapping[str, Cell]) -> None:
        """Write a name and a value a line; what is None is left out."""
        there = {name: cell for name, cell in fields.items() if cell is not None}
        widest = max(map(len, there), default=0)
        for name, cell in there.items():
            self.say(Marked(name.ljust(widest + 1), "dim"), cell)

    def document(self, value: object, *, indent: bool = True) -> None:
        """Write JSON, in ASCII: as a document, or with `indent=False` on one line of a stream."""
        spread = 2 if indent and self.terminal else None
        self._write(json.dumps(value, indent=spread, separators=None if spread else (",", ":")))

    def complain(self, *lines: str) -> None:
        """Write lines to standard error, the first after the command's name."""
        with suppress(OSError):
            for n, line in enumerate(lines):
                self._err.write(f"{'bestfill: ' if n == 0 else '  '}{visible(line)}\n")
            self._err.flush()

    def clear(self) -> None:
        """On a terminal, begin anew at its top; elsewhere, leave a line between."""
        if self.terminal:
            self.console.clear()
        else:
            self._write("")

    def stop(self) -> None:
        """Write no more: nobody reads, and neither must the interpreter try to flush at its end."""
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """On a terminal, show that something is awaited, for as long as the context lasts."""
        with self.console.status(_line([Marked(text, "dim")])) if self.terminal else nullcontext():
            yield

    @property
    def console(self) -> "Console":
        """The terminal's console. Rich is imported here, so that pipes need not wait for it."""
        if self._made is None:
            from rich.console import Console

            self._made = Console(
                file=self._out, force_terminal=True, markup=False, emoji=False, highlight=False, width=self._width
            )
        return self._made

    def rich_table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> "RenderableType":
        """Make a table for a terminal."""
        from rich.table import Table

        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
        for column in columns:
            table.add_column(
                column.name, justify="right" if column.right else "left", no_wrap=not column.wraps, overflow="fold"
            )
        for row in rows:
            table.add_row(*(_line([cell if cell is not None else Marked(NOTHING, "dim")]) for cell in row))
        return table

    def _plain_table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        texts = [[column.name for column in columns], *([_text(cell) for cell in row] for row in rows)]
        widths = [max(len(row[place]) for row in texts) for place in range(len(columns))]
        for row in texts:
            cells = [
                text.rjust(width) if column.right else text.ljust(width)
                for column, text, width in zip(columns, row, widths, strict=True)
            ]
            self._write((" " * _GAP).join(cells).rstrip())

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def _text(cell: Cell) -> str:
    if cell is None:
        return NOTHING
    text = cell.text if isinstance(cell, Marked) else cell
    return visible(text if len(text) <= _TEXT_MAX_CHARS else f"{text[:_TEXT_MAX_CHARS]}…")


def _line(cells: Sequence[Cell]) -> Any:
    from rich.text import Text

    line = Text()
    for n, cell in enumerate(cells):
        line.append(" " if n else "")
        line.append(_text(cell), _STYLES[cell.style] if isinstance(cell, Marked) else None)
    return line


def _fitting(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int] | None:
    """Give the places of the columns for which there is room; None if there is none even for those of rank 0."""
    from rich.cells import cell_len

    needed: list[int] = []
    for place, column in enumerate(columns):
        widest = max((cell_len(_text(row[place])) for row in rows), default=0)
        needed.append(max(len(column.name), min(widest, _WRAPPED_CHARS) if column.wraps else widest))
    for most in sorted({column.rank for column in columns}, reverse=True):
        shown = [place for place, column in enumerate(columns) if column.rank <= most]
        if sum(needed[place] + _GAP for place in shown) - _GAP <= width:
            return shown
    return None
