"""Values that are new each time a request is sent: in JavaScript for Postman, in Python for the recording."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from attrs import frozen

from bestfill.units import Millis, iso

Make: TypeAlias = Callable[[Millis], str]


@frozen
class Value:
    """The same value in both languages; Python's is given the time."""

    javascript: str
    python: Make


def times(text: str, count: int) -> Value:
    """Repeat a text."""
    return Value(f'"{text}".repeat({count})', lambda _: text * count)


def ahead(seconds: int) -> Value:
    """Give a time that is so far from now."""
    javascript = f"new Date(Date.now() + {seconds} * 1000).toISOString()"
    return Value(javascript, lambda now: iso(Millis(now + seconds * 1000)))


KEY: Final = Value('pm.variables.replaceIn("{{$guid}}")', lambda now: f"7c9e6679-7425-40de-944b-{now:012x}")


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Put the variables' values in the place of their names."""
    for name, value in variables.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text
