"""The mock chain's time."""

import pytest

from bestfill.errors import ExecutionError
from bestfill.units import Millis, base58_decode
from bestfill_adapters.mock.blocks import blockhash, height_at, height_of, slot_at

NOW = Millis(1_765_880_000_000)


def test_heights_and_slots_grow_by_one_each_400_ms_and_slots_are_ahead():
    assert [height_at(Millis(NOW + ms)) - height_at(NOW) for ms in (399, 400, 4_000)] == [0, 1, 10]
    assert [slot_at(Millis(NOW + ms)) - slot_at(NOW) for ms in (399, 400, 4_000)] == [0, 1, 10]
    assert slot_at(NOW) > height_at(NOW)


@pytest.mark.parametrize("height", [0, 1, 450_000_000, 2**62, -5])
def test_a_blockhash_is_32_bytes_and_tells_its_height(height: int):
    assert len(base58_decode(blockhash(height))) == 32
    assert height_of(blockhash(height)) == height


@pytest.mark.parametrize(
    "forged", ["", "hash", "0OIl", "\0", "١", "1" * 44, "z" * 10_000, blockhash(7)[:-1], blockhash(7) + "1", "é"]
)
def test_a_forged_blockhash_is_refused(forged: str):
    with pytest.raises(ExecutionError, match="blockhash"):
        height_of(forged)
