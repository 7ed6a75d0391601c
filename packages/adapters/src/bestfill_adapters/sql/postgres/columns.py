"""Rows as parameters: one array literal a column."""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Numeric, SmallInteger, Uuid

from bestfill_adapters.sql.postgres import literals
from bestfill_adapters.sql.postgres.session import WRONG_DATA, Refused
from bestfill_adapters.sql.rows import Row


class Kind(enum.Enum):
    """A type of column: its name in PostgreSQL."""

    UUID = "uuid"
    TEXT = "text"
    BYTES = "bytea"
    AMOUNT = "numeric"
    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"

    @staticmethod
    def of(column: Column[Any]) -> "Kind":
        """Give the kind of a table's column."""
        return next((kind for type_, kind in _OF if isinstance(column.type, type_)), Kind.TEXT)


_OF: Final = (
    (SmallInteger, Kind.SMALLINT),
    (BigInteger, Kind.BIGINT),
    (Integer, Kind.INTEGER),
    (Uuid, Kind.UUID),
    (LargeBinary, Kind.BYTES),
    (Numeric, Kind.AMOUNT),
)
_WRITE: Final[Mapping[Kind, Callable[[Sequence[Any]], str]]] = {
    Kind.UUID: literals.texts,
    Kind.TEXT: literals.texts,
    Kind.BYTES: literals.blobs,
    Kind.AMOUNT: literals.texts,  # rows have them as text
    Kind.SMALLINT: literals.numbers,
    Kind.INTEGER: literals.numbers,
    Kind.BIGINT: literals.numbers,
}


class Columns:
    """The columns that a statement takes its rows in, by their names and kinds.

    `select` gives the rows in SQL, each with its number `n` from 1, by parameters from `$1` on; `width` is how many.
    Those that are `wide` are sent last, since the driver copies all before with each parameter that it adds.
    """

    def __init__(self, kinds: Mapping[str, Kind], *, wide: Iterable[str] = ()) -> None:
        last = {name: kinds[name] for name in wide}
        sent = {name: kind for name, kind in kinds.items() if name not in last} | last
        places = {name: place for place, name in enumerate(kinds)}
        self._writers = [(places[name], _WRITE[kind]) for name, kind in sent.items()]
        self.width = len(sent)
        arrays = ", ".join(f"${i}::text::{kind.value}[]" for i, kind in enumerate(sent.values(), 1))
        names = ", ".join(f'"{name}"' for name in sent)
        self.select = f"SELECT * FROM unnest({arrays}) WITH ORDINALITY AS t ({names}, n)"  # noqa: S608 - names alone

    def write(self, some: Sequence[Row]) -> list[str]:
        """Give the parameters for some rows.

        Raises:
            ValueError, TypeError: a value is not fit for the database.
        """
        count, columns = len(some), list(zip(*some, strict=True))
        return [
            "{}" if columns[place].count(None) == count else write(columns[place])  # what is missing at the end is NULL
            for place, write in self._writers
        ]


def parameters(columns: Columns, some: Iterable[Row]) -> list[str]:
    """Write rows as parameters.

    Raises:
        Refused: a value is not fit for the database.
    """
    try:
        return columns.write(list(some))
    except Exception as error:  # whatever is wrong with one must not harm the others of its group
        raise Refused("a value is not fit for the database", WRONG_DATA) from error
