"""The machine's own time and chance."""

import os
import time

import pytest

from bestfill.units import Millis
from bestfill_adapters.system import SystemClock, SystemEntropy


async def test_a_sleep_ends_at_its_moment_or_after():
    clock = SystemClock()
    moment = Millis(clock.now() + 20)
    await clock.sleep_until(moment)
    assert clock.now() >= moment


async def test_a_moment_that_is_past_is_no_sleep():
    with pytest.raises(StopIteration):
        SystemClock().sleep_until(Millis(0)).__await__().send(None)  # pyright: ignore[reportAttributeAccessIssue]


async def test_a_clock_that_is_set_back_does_not_keep_a_sleeper(monkeypatch: pytest.MonkeyPatch):
    real, jumps = time.time_ns, iter([0, 0])
    hour = 3_600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: real() - next(jumps, hour))
    clock = SystemClock()
    await clock.sleep_until(Millis(clock.now() + 20))


def test_bits_are_as_many_as_asked_for_and_never_the_same():
    entropy = SystemEntropy()
    drawn = {entropy.bits(74) for _ in range(100)}
    assert len(drawn) == 100
    assert 2**64 < max(drawn) < 2**74


def test_bits_are_as_many_as_asked_and_never_the_same():
    entropy = SystemEntropy()
    drawn = [entropy.bits(74) for _ in range(2_000)]
    assert len(set(drawn)) == 2_000
    assert max(drawn).bit_length() == 74
    assert {entropy.bits(1) for _ in range(200)} == {0, 1}
    assert entropy.bits(80_000).bit_length() > 79_900


def test_a_forked_process_draws_bits_of_its_own(monkeypatch: pytest.MonkeyPatch):
    entropy = SystemEntropy()
    entropy.bits(8)
    child = SystemEntropy()
    child.__dict__.update(vars(entropy))
    mine = entropy.bits(64)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert child.bits(64) != mine
