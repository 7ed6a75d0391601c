"""The pools file: what it says, and how a mistake in it is told."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestfill_adapters.settings import SettingsError
from bestfill_adapters.solana.pools import PoolEntry, Pools, parse_pools, read_pools
from tests.unit.adapters.solana.nodes import address

ONE = {"venue": "raydium_cpmm", "address": address(1)}
TWO = {"venue": "my-venue.2", "address": address(2)}
PAIR = {"venue": "raydium_cpmm", "mints": [address(3), address(4)]}


def problems(top: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse_pools(top if isinstance(top, bytes) else json.dumps(top).encode())
    assert all(
        problem.startswith("BESTFILL_SOLANA_POOLS: ") and len(problem) < 300 for problem in caught.value.problems
    )
    return tuple(problem.removeprefix("BESTFILL_SOLANA_POOLS: ") for problem in caught.value.problems)


def test_pools_come_in_their_order_with_symbols_by_mint(tmp_path: Path):
    path = tmp_path / "pools.json"
    path.write_text(json.dumps({"pools": [TWO, ONE], "symbols": {address(3): "tUSD"}}))
    assert read_pools(path) == Pools(
        (PoolEntry("my-venue.2", address(2)), PoolEntry("raydium_cpmm", address(1))), {address(3): "tUSD"}
    )


def test_options_are_passed_on_as_they_are():
    options = {"fee_bps": 30, "mints": [address(3), address(4)]}
    (entry,) = parse_pools(json.dumps({"pools": [{**ONE, "options": options}]}).encode()).pools
    assert entry.options == options


def test_a_pool_may_be_named_by_its_mints():
    read = parse_pools(json.dumps({"pools": [PAIR, PAIR | {"config": address(5)}]}).encode())
    mints = (address(3), address(4))
    assert [(pool.address, pool.mints, pool.config) for pool in read.pools] == [
        ("", mints, ""),
        ("", mints, address(5)),
    ]


def test_symbols_need_not_be_given():
    assert parse_pools(json.dumps({"pools": [ONE]}).encode()).symbols == {}


def test_a_file_that_cannot_be_read_is_told_with_its_path(tmp_path: Path):
    for path, reason in (
        (tmp_path / "none.json", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "a\0b", "ValueError"),
    ):
        with pytest.raises(SettingsError, match=f"^BESTFILL_SOLANA_POOLS: the file '.*' can't be read: {reason}"):
            read_pools(path)


def test_a_file_without_end_is_not_read_to_its_end():
    if os.path.exists("/dev/zero"):
        with pytest.raises(SettingsError, match="at most 1,000,000 bytes"):
            read_pools(Path("/dev/zero"))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"pools": NaN}', b'{"pools": []} x', b'{"pools": [Infinity]}']
)
def test_what_is_no_json_is_told_with_an_example(content: bytes):
    (problem,) = problems(content)
    assert problem.startswith("the file must be JSON such as {")


@pytest.mark.parametrize("top", [[], None, 5, {}, {"symbols": {}}, {"pools": [ONE], "pool": []}])
def test_what_is_not_like_it_is_told_with_an_example(top: Any):
    (problem,) = problems(top)
    assert problem.startswith("the file must be like {")


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ({"pools": {}}, "pools: must be a list"),
        ({"pools": []}, "pools: must have at least one entry"),
        ({"pools": [ONE], "symbols": []}, "symbols: must be an object"),
        ({"pools": [ONE, "x"]}, 'pools[1]: must have a "venue" and an "address", and nothing else but'),
        ({"pools": [{"venue": "a"}]}, "pools[0]: must have"),
        ({"pools": [{**ONE, "adress": "x"}]}, "pools[0]: must have"),
        ({"pools": [{**ONE, "options": []}]}, "pools[0].options: must be an object"),
        ({"pools": [{**ONE, "venue": 5}]}, "pools[0].venue: must be a venue's name, such as raydium_cpmm"),
        ({"pools": [{**ONE, "venue": "a b"}]}, "pools[0].venue: must be"),
        ({"pools": [{**ONE, "venue": "x" * 65}]}, "pools[0].venue: must be"),
        ({"pools": [{**ONE, "address": None}]}, "pools[0].address: must be an address: base58 of 32 bytes"),
        ({"pools": [{**ONE, "address": "1" * 31}]}, "pools[0].address: must be an address: base58 of 32 bytes, not 31"),
        ({"pools": [{**ONE, "address": "1" * 90_000}]}, "pools[0].address: must be an address"),
        (
            {"pools": [{**ONE, "address": address(1)[:-1] + "0"}]},
            "pools[0].address: is not base58: character 32 is '0'",
        ),
        ({"pools": [{**ONE, "mints": [address(3), address(4)]}]}, "pools[0]: must have"),
        ({"pools": [PAIR | {"mints": [address(3)]}]}, "pools[0].mints: must be a list of two different mints"),
        ({"pools": [PAIR | {"mints": [address(3)] * 2}]}, "pools[0].mints: must be a list of two different mints"),
        ({"pools": [PAIR | {"mints": [address(3), 5]}]}, "pools[0].mints[1]: must be an address"),
        ({"pools": [PAIR | {"config": ""}]}, "pools[0].config: must be an address"),
        ({"pools": [ONE, TWO, ONE]}, "pools[2].address: is that of pools[0] too; take one out"),
        ({"pools": [ONE, {**TWO, "address": address(1)}]}, "pools[1].address: is that of pools[0] too"),
        ({"pools": [ONE], "symbols": {"x": "A"}}, "symbols['x']: must be an address"),
        ({"pools": [ONE], "symbols": {"0": "A"}}, "symbols['0']: is not base58"),
        ({"pools": [ONE], "symbols": {address(3): ""}}, f"symbols['{address(3)}']: must be text without spaces"),
        ({"pools": [ONE], "symbols": {address(3): 5}}, f"symbols['{address(3)}']: must be text"),
        ({"pools": [ONE], "symbols": {address(3): "a b"}}, f"symbols['{address(3)}']: must be text"),
        ({"pools": [ONE], "symbols": {address(3): "a\u202e"}}, f"symbols['{address(3)}']: must be text"),
        ({"pools": [ONE], "symbols": {address(3): "x" * 33}}, f"symbols['{address(3)}']: must be text"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_mistake_is_told_by_its_entry_and_mend(top: Any, expected: str):
    (problem,) = problems(top)
    assert problem.startswith(expected)


def test_two_mints_of_one_symbol_are_both_told():
    told = problems({"pools": [ONE], "symbols": {address(3): "A", address(4): "A"}})
    assert len(told) == 2 and all("is the symbol of another mint too; change one" in problem for problem in told)


def test_a_name_that_stands_twice_is_told():
    assert problems(b'{"pools": [], "pools": []}') == ("'pools' stands twice in one object; take one out",)
    symbols = f'"{address(3)}": "A", "{address(3)}": "B"'
    assert problems(f'{{"pools": [], "symbols": {{{symbols}}}}}'.encode()) == (
        f"'{address(3)}' stands twice in one object; take one out",
    )


def test_all_mistakes_are_told_at_once():
    told = problems({"pools": [{}, {**ONE, "venue": ""}, ONE], "symbols": {"x": "A"}})
    assert [problem.partition(":")[0] for problem in told] == ["pools[0]", "pools[1].venue", "symbols['x']"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([address(1), "pools", "venue"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["venue", "address"]), inner),
    max_leaves=10,
)


@given(st.binary() | JSON.map(lambda top: json.dumps({"pools": top}).encode()))
def test_whatever_the_file_holds_is_read_or_refused(content: bytes):
    try:
        told = [entry.venue for entry in parse_pools(content).pools]
    except SettingsError as error:
        told = list(error.problems)
    assert told and all(text.isprintable() for text in told)
