"""Checking that something is refused."""

from collections.abc import Awaitable
from typing import TypeVar

E = TypeVar("E", bound=Exception)


async def raises(kind: type[E], attempt: Awaitable[object]) -> E:
    """Await something that must raise this kind of error, and give the error."""
    try:
        result = await attempt
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, got {result!r}")
