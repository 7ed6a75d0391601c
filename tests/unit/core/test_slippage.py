"""The bound is the stricter of the user's minimum and the quote less slippage."""

import pytest
from attrs import evolve

from bestfill.errors import ExecutionError, SlippageExceeded
from bestfill.quote import Fill
from bestfill.slippage import check_fill, min_out
from bestfill.testing import samples
from bestfill.units import U64_MAX


@pytest.mark.parametrize(
    ("quoted", "slippage_bps", "least", "bound"),
    [
        (213_000_000, 50, None, 211_935_000),
        (213_000_000, 50, 140_000_000, 211_935_000),
        (213_000_000, 50, 212_000_000, 212_000_000),
        (213_000_000, 0, None, 213_000_000),
        (999, 1, None, 998),  # 998.9 is floored
        (1, 50, None, 1),  # never 0
        (5, 10_000, 0, 1),
        (U64_MAX, 50, None, U64_MAX * 9_950 // 10_000),
    ],
)
def test_bound(quoted, slippage_bps, least, bound):
    assert min_out(quoted, slippage_bps, least) == bound


@pytest.mark.parametrize(("quoted", "least"), [(99, 100), (0, None), (0, 0)])
def test_a_quote_below_the_minimum_has_no_bound(quoted, least):
    with pytest.raises(SlippageExceeded):
        min_out(quoted, 50, least)


@pytest.fixture
def order_and_attempt():
    order, _ = samples.new_order()
    attempt = samples.started(order).attempt
    return order, evolve(attempt, min_out=1_000)


def test_a_fill_at_the_bound_is_good(order_and_attempt):
    order, attempt = order_and_attempt
    check_fill(order, attempt, Fill(amount_in=order.amount_in, amount_out=1_000))


@pytest.mark.parametrize(
    ("amount_in", "amount_out", "error"),
    [
        (1_500_000_000, 999, SlippageExceeded),
        (1_500_000_001, 1_000, ExecutionError),
        (1_499_999_999, 1_000, ExecutionError),
        (1_500_000_000, U64_MAX + 1, ExecutionError),
    ],
)
def test_a_fill_that_breaks_the_order_is_refused(order_and_attempt, amount_in, amount_out, error):
    order, attempt = order_and_attempt
    with pytest.raises(error):
        check_fill(order, attempt, Fill(amount_in=amount_in, amount_out=amount_out))


def test_a_fill_without_a_bound_is_refused(order_and_attempt):
    order, attempt = order_and_attempt
    with pytest.raises(SlippageExceeded):
        check_fill(order, evolve(attempt, min_out=None), Fill(amount_in=order.amount_in, amount_out=1_000))
