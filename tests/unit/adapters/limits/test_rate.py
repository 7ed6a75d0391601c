"""How much a bucket gives, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestfill_adapters.limits import Rate, Taken

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND


def test_a_full_bucket_gives_all_at_once_and_then_as_fast_as_they_come_back():
    rate, full_at = Rate(3, 6), 0
    seen: list[Taken] = []
    for after_s in (0, 0, 0, 0, 1, 2, 2):
        full_at, taken = rate.take(full_at, NOW + after_s * SECOND)
        seen.append(taken)
    assert seen == [
        Taken(True, 3, 2, 2),
        Taken(True, 3, 1, 4),
        Taken(True, 3, 0, 6),
        Taken(False, 3, 0, 6, 2),
        Taken(False, 3, 0, 5, 1),
        Taken(True, 3, 0, 6),
        Taken(False, 3, 0, 6, 2),
    ]


@given(
    count=st.integers(1, 1_000_000), per_s=st.integers(1, 86_400), gaps=st.lists(st.integers(0, SECOND), max_size=50)
)
def test_in_no_span_is_more_given_than_a_full_bucket_and_what_came_back_meanwhile(
    count: int, per_s: int, gaps: list[int]
):
    rate, now, full_at, given_ = Rate(count, per_s), NOW, 0, 0
    for gap in gaps:
        now += gap
        full_at, taken = rate.take(full_at, now)
        given_ += taken.allowed
        assert given_ <= count + (now - NOW) * count / (per_s * SECOND)
        assert taken.allowed or taken.remaining == 0
        assert 0 <= taken.remaining < count
        # Whoever comes back when told so is served.
        assert taken.allowed or rate.take(full_at, now + taken.retry_after_s * SECOND)[1].allowed
        assert full_at <= now + rate.burst


def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_for_an_empty_bucket():
    assert Rate(2, 60).take(NOW + 10**12, NOW)[1] == Taken(False, 2, 0, 60, 30)


@pytest.mark.parametrize(("count", "part"), [(100, 25), (7, 1), (1, 1)])
def test_a_part_is_at_least_one(count: int, part: int):
    assert Rate(count, 60).part(4) == Rate(part, 60)


def test_it_reads_as_it_is_written():
    assert str(Rate(600, 60)) == "600/60"
