"""What the documents show: their fenced blocks, and the commands in them."""

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "examples/**/README.md", "packages/*/README.md", "services/*/README.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)
RUN = ("sh", "python")
SHOWN = ("json", "text", "")
"""The languages of what a command prints, when it follows one at once."""


@frozen
class Block:
    """A fenced block. `file` is the path that the line before gives it; `answers`: it follows a command at once."""

    line: int
    language: str
    text: str
    file: str | None
    answers: bool

    @property
    def name(self) -> str:
        """What it is called where it has to be accounted for: its first line."""
        return self.text.partition("\n")[0]

    @property
    def is_shell(self) -> bool:
        return self.language == "sh" and self.file is None


def read(document: str) -> str:
    """Give a document's text."""
    return (ROOT / document).read_text()


def blocks(document: str) -> Iterator[Block]:
    """Give a document's blocks in order. A fence must begin its line."""
    lines = iter(enumerate(read(document).splitlines(), 1))
    before, answers = "", False
    for number, line in lines:
        assert "```" not in line.lstrip("`"), f"{document}:{number}: a fence must begin its line"
        if line.startswith("```"):
            inside: list[str] = []
            for _, text in lines:
                if text == "```":
                    break
                inside.append(text)
            else:
                raise AssertionError(f"{document}:{number}: this block has no end")
            file = re.fullmatch(r"`(\w[\w./-]+)`:", before)
            yield Block(number, line[3:], "\n".join(inside), file[1] if file else None, answers)
            before, answers = "", line[3:] in RUN and not file
        elif line.strip():
            before, answers = line, False


def commands(script: str) -> Iterator[str]:
    """Give the commands of a shell script, without comments; one may go over several lines."""
    command = ""
    for line in script.splitlines():
        command = f"{command}\n{line}" if command else line
        try:
            words = shlex.split(command, comments=True)
        except ValueError:  # a quotation goes on
            continue
        if not command.endswith("\\"):
            if words:
                yield _without_comment(command, words)
            command = ""
    assert not command, f"it has no end: {command}"


def _without_comment(command: str, words: list[str]) -> str:
    for found in re.finditer(r"\s+#", command):
        with suppress(ValueError):
            if shlex.split(command[: found.start()]) == words:
                return command[: found.start()]
    return command


def json_values(text: str) -> list[Any] | None:
    """Read one JSON value, or one a line; None if it is neither."""
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return None
