"""Compares what a document shows with what really comes: ids, times, hashes and measures by their shape alone."""

import json
import re

from tests.documents.blocks import json_values

_TERMINAL = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[78])|\r")
_VOLATILE = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<hash>[0-9a-f]{64})"
    r"|(?P<signature>[1-9A-HJ-NP-Za-km-z]{80,90})"
    r"|(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?|\d\d:\d\d:\d\d)"
    r"|(?P<duration>\d+(?:\.\d+)? (?:ms|s|min)(?![a-z]))"
    r"|(?P<number>(?:\d+\.\d+|\d{4,})(?=s|ms|%|\W|$))"
    r")(?![0-9A-Za-z]{2}|[0-9])"
)


def differences(shown: str, real: str) -> str:
    """Say which lines of `shown` do not come, in their order, among those of `real`; nothing if all do."""
    come = iter(_lines(real))
    for line in _lines(shown):
        if not any(shape(line) == shape(other) for other in come):
            return f"the document shows\n    {line}\nwhich is not among\n{_indented(real)}"
    return ""


def renamed(shown: str, real: str) -> dict[str, str]:
    """Give the real ids for those that a document shows; the two have the same shape."""
    names: dict[str, str] = {}
    come = iter(_lines(real))
    for line in _lines(shown):
        other = next(other for other in come if shape(line) == shape(other))
        for ours, theirs in zip(_VOLATILE.finditer(line), _VOLATILE.finditer(other), strict=True):
            if ours.lastgroup in ("id", "signature", "hash"):
                assert names.setdefault(ours[0], theirs[0]) == theirs[0], f"{ours[0]} stands for two"
    return names


def shape(line: str) -> str:
    """Put the name of its kind in the place of all that differs from run to run."""
    return _VOLATILE.sub(lambda found: f"<{found.lastgroup}>", line)


def _lines(text: str) -> list[str]:
    """Give the lines that count: JSON written one way, whatever its indentation; spaces told apart by nothing."""
    text = _TERMINAL.sub("", text).strip()
    values = json_values(text)
    if values is not None:
        return [json.dumps(value) for value in values]
    return [_plain(line) for line in text.splitlines() if line.strip()]


def _plain(line: str) -> str:
    line = line.strip().removeprefix("> ").removeprefix("< ")
    values = json_values(line) if line[:1] in ("{", "[") else None
    return json.dumps(values[0]) if values else re.sub(r"\s+", " ", line)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
