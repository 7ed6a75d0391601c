"""An order's copies."""

import pytest
from attrs import evolve

from bestfill import transition
from bestfill.order import revised
from bestfill.testing import samples
from bestfill.testing.samples import NOW


def test_a_revised_copy_is_what_evolve_gives_and_leaves_the_first_alone():
    order, event = transition.place(samples.order_id(0), samples.request(), NOW + 1, NOW)
    before = evolve(order)
    copy = revised(order, seq=2, tx_hash="x")
    assert (copy, order) == (evolve(order, seq=2, tx_hash="x"), before)
    assert revised(event, user_seq=7) == evolve(event, user_seq=7)


def test_a_field_that_is_none_is_refused():
    order, _ = transition.place(samples.order_id(0), samples.request(), NOW + 1, NOW)
    with pytest.raises(TypeError, match="Order has no sequence"):
        revised(order, sequence=2)
