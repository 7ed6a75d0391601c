"""A worker heeds the first signal, and none after it."""

import signal
from collections.abc import Iterator

import pytest

from bestfill_worker import hooks

STOPS = (signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def stopped() -> Iterator[list[int]]:
    """Give the signals that Dramatiq's own handlers, as these stand for, have heard."""
    before = {number: signal.getsignal(number) for number in STOPS}
    heard: list[int] = []
    for number in STOPS:
        signal.signal(number, lambda number, _: heard.append(number))
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("first", STOPS)
def test_only_the_first_signal_stops(first: signal.Signals, stopped: list[int]):
    hooks._heed_the_first_signal()
    for number in (first, *STOPS, first):
        signal.raise_signal(number)
    assert stopped == [first]
