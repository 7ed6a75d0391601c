"""Whatever text, bytes or numbers go into a group's parameters come out of the server's reading of them."""

import asyncio

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bestfill_adapters.sql.postgres.columns import Columns, Kind

KINDS = Columns({"t": Kind.TEXT, "b": Kind.BYTES, "i": Kind.BIGINT, "a": Kind.AMOUNT})
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ROW = st.tuples(
    st.none() | TEXT | st.sampled_from(["", "NULL", "null", "{}", '"', "\\", ",", "\\N", "N"]),
    st.none() | st.binary(),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(0, 2**64 - 1).map(str),
)


@pytest.fixture(scope="module")
def read(one_postgres):
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(one_postgres.url))
        query = f"SELECT t, b, i, a::text FROM ({KINDS.select}) AS x ORDER BY n"
        yield lambda some: [tuple(r) for r in runner.run(connection.fetch(query, *KINDS.write(some)))]
        runner.run(connection.close())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=8))
@example([("a", b"", 0, "0"), (None, None, None, None), ("\x01N\n\t\u2028", b"\x00\\", -1, None)])
def test_a_row_is_read_as_it_was_written(read, some):
    # A column without any value is not sent at all, and there is always one with one: the order's id.
    assert read(some) == (some if any(value is not None for row in some for value in row) else [])


@pytest.mark.parametrize("row", [("a\0b", b"", 0, "0"), ("\0N", b"", 0, "0"), ("\0,", None, None, None)])
def test_a_nul_is_refused(row):
    with pytest.raises(ValueError, match="NUL"):
        KINDS.write([row, ("fine", b"", 0, "0")])
