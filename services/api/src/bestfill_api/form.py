"""Fields from outside, read one by one; all that is wrong with them is told at once."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from bestfill.errors import ValidationError

T = TypeVar("T")

_QUERY_MAX_FIELDS: Final = 16
_NAME_MAX_CHARS: Final = 64
_UNKNOWN_MAX: Final = 8


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field; `field` is empty if it is the whole body."""

    field: str
    message: str


class Invalid(ValidationError):
    """Fields of a request are not valid; `errors` has each of them."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        told = f"{first.field} {first.message}" if first.field else first.message
        more = f"; and {len(self.errors) - 1} more" if len(self.errors) > 1 else ""
        super().__init__(f"{told}{more}", first.field)


class Number(str):
    """A JSON number with a fraction or an exponent, as it was written: never a float."""

    __slots__ = ()


class Form:
    """The fields of one request: `read` gives their values, or None after noting in `errors` what is wrong."""

    def __init__(self, values: Mapping[str, object], known: Sequence[str]) -> None:
        self._values = values
        self.errors: list[FieldError] = []
        unknown = [name for name in values if name not in known]
        for name in unknown[:_UNKNOWN_MAX]:
            self.refuse(_plain_name(name), f"is not a field here; known are {', '.join(known)}")

    def has(self, name: str) -> bool:
        """Say whether a field was given; null counts as not given."""
        return self._values.get(name) is not None

    def refuse(self, name: str, message: str) -> None:
        """Note what is wrong with a field."""
        self.errors.append(FieldError(name, message))

    def text(self, name: str, read: Callable[[str], T], *, required: bool = False, kind: str = "a string") -> T | None:
        """Read a field that must be a string."""
        value = self._values.get(name)
        if type(value) is str:
            try:
                return read(value)
            except ValidationError as error:
                self.refuse(name, error.reason)
        elif value is not None:
            self.refuse(name, f"must be {kind}")
        elif required:
            self.refuse(name, "is required")
        return None

    def any(self, name: str, read: Callable[[object], T]) -> T | None:
        """Read a field of any type, if it was given."""
        if (value := self._values.get(name)) is None:
            return None
        try:
            return read(value)
        except ValidationError as error:
            self.refuse(name, error.reason)
        return None

    def check(self) -> None:
        """Go on only if nothing was wrong.

        Raises:
            Invalid: something was.
        """
        if self.errors:
            raise Invalid(self.errors)


def json_form(body: bytes, known: Sequence[str]) -> Form:
    """Read a JSON object.

    Raises:
        Invalid: it is not JSON, not UTF-8, nested too deeply, or no object. A field that is there twice is noted.
    """
    try:
        values = _decode(body)
        repeated = _repeated(body, values)
    except UnicodeDecodeError:
        raise whole_body("the body must be UTF-8") from None
    except RecursionError:
        raise whole_body("the body is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise whole_body(f"the body must be JSON: {error}") from None
    if not isinstance(values, dict):
        raise whole_body("the body must be a JSON object")
    form = Form(values, known)
    for name in repeated:
        form.refuse(_plain_name(name), "must be given once")
    return form


def _repeated(body: bytes, values: object) -> list[str]:
    """Name what an object holds twice: whoever reads the first of two amounts sees another order than we would."""
    if not isinstance(values, dict) or body.count(b":") <= len(values):
        return []
    again: dict[str, None] = {}

    def note(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                again[name] = None
            seen.add(name)

    json.loads(body, object_pairs_hook=note, parse_int=str, parse_float=str)
    return list(again)[:_UNKNOWN_MAX]


def query_form(query: bytes, known: Sequence[str]) -> Form:
    """Read a query string; each field may stand there once.

    Raises:
        Invalid: it is not UTF-8, or has too many fields.
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_QUERY_MAX_FIELDS
        )
    except UnicodeDecodeError:
        raise whole_body("the query must be UTF-8, percent-encoded") from None
    except ValueError:
        raise whole_body(f"the query must have at most {_QUERY_MAX_FIELDS} fields") from None
    form = Form(dict(pairs), known)
    names = [name for name, _ in pairs]
    for name in dict.fromkeys(names):
        if name in known and names.count(name) > 1:
            form.refuse(name, "must be given once")
    return form


def whole_body(message: str) -> Invalid:
    """Say what is wrong with a body or a query as a whole."""
    return Invalid([FieldError("", message)])


def _plain_name(name: str) -> str:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[:_NAME_MAX_CHARS])
    return shown if len(name) <= _NAME_MAX_CHARS else f"{shown}…"


_decode: Final = msgspec.json.Decoder(float_hook=Number).decode
