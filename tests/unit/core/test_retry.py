"""Waits grow, are capped, and are spread."""

from bestfill.retry import backoff_ms, poll_wait_ms


def test_backoff_doubles_up_to_thirty_seconds():
    assert [backoff_ms(n, 0) for n in (1, 2, 3, 5, 6, 7, 10_000)] == [
        1_000, 2_000, 4_000, 16_000, 30_000, 30_000, 30_000,
    ]  # fmt: skip


def test_jitter_shortens_by_up_to_a_fifth():
    assert backoff_ms(1, 999) == 801
    assert all(800 < backoff_ms(1, jitter) <= 1_000 for jitter in range(1_000))


def test_polls_slow_down_to_the_longest_wait():
    assert [poll_wait_ms(n, 50, 500) for n in (1, 2, 3, 7, 10_000)] == [50, 75, 112, 500, 500]
