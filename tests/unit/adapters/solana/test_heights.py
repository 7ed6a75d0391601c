"""Heights of one chain, told by nodes of which some lag and any may err, once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestfill.errors import NetworkUnavailable
from bestfill.quote import Height
from bestfill_adapters.solana.heights import Heights, of_one_chain

CHAINS = st.lists(st.booleans(), min_size=3, max_size=60)
"""Of each slot, whether it has a block."""


def heights(chain: list[bool]) -> list[Height]:
    return [Height(sum(chain[: slot + 1]), slot) for slot in range(len(chain))]


@given(CHAINS, st.data())
def test_one_chain_never_contradicts_itself_in_whatever_order_it_is_told(chain: list[bool], data: st.DataObject):
    heard, told = Heights(), data.draw(st.lists(st.sampled_from(heights(chain)), min_size=1, max_size=20))
    assert [heard.hear(height) for height in told] == told
    assert heard.highest == max(height.block_height for height in told)


@given(CHAINS, st.data())
def test_one_wrong_height_is_not_believed_however_often_it_is_told(chain: list[bool], data: st.DataObject):
    """It is not believed where it can't be right; and those who come after are."""
    honest = heights(chain)
    before, after = data.draw(st.sampled_from(honest)), data.draw(st.sampled_from(honest))
    wrong = Height(data.draw(st.integers(0, 200)), data.draw(st.integers(0, 200)))
    heard = Heights()
    heard.hear(before)
    if of_one_chain(before, wrong):
        return
    for _ in range(3):
        with pytest.raises(NetworkUnavailable):
            heard.hear(wrong)
    assert heard.hear(after) == after
    assert heard.highest == max(before.block_height, after.block_height)


@pytest.mark.parametrize(
    ("one", "other", "possible"),
    [
        (Height(10, 20), Height(10, 20), True),
        (Height(10, 20), Height(11, 20), False),
        (Height(10, 20), Height(15, 25), True),
        (Height(10, 20), Height(16, 25), False),
        (Height(10, 20), Height(10, 25), True),
        (Height(10, 20), Height(9, 25), False),
    ],
)
def test_blocks_of_one_chain_are_no_more_than_its_slots(one: Height, other: Height, *, possible: bool):
    assert of_one_chain(one, other) is of_one_chain(other, one) is possible


def test_two_wrong_heights_that_agree_are_believed_only_one_after_the_other():
    """Nothing honest came in between: then it is the one before that was wrong."""
    heard, wrong = Heights(), [Height(500, 600), Height(501, 601)]
    heard.hear(Height(10, 500))
    for one in wrong:
        with pytest.raises(NetworkUnavailable):
            heard.hear(one)
        heard.hear(Height(11, 501))
    with pytest.raises(NetworkUnavailable):
        heard.hear(wrong[0])
    assert heard.hear(wrong[1]) == wrong[1]
