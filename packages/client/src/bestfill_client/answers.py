"""What an answer means. Whoever answers may be broken, hostile, or somebody else: nothing is taken for granted."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec

from bestfill.errors import plain
from bestfill_client.calls import Call
from bestfill_client.errors import BY_STATUS, BadAnswer, EngineError, FieldError, Forbidden, Refused, Unavailable
from bestfill_client.steps import Answer

ANSWER_MAX_BYTES: Final = 8 * 1024 * 1024
"""What no answer of the engine's comes near."""
PASSING: Final = frozenset({429, 502, 503, 504})
"""What is worth asking again about: the engine, or a proxy before it, can't serve now."""

_NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SECONDS: Final = re.compile(r"[0-9]{1,9}")

T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True):
    """Problem details (RFC 9457) as the engine sends them."""

    detail: str = ""
    code: str = ""
    errors: tuple[FieldError, ...] = ()
    rule: str = ""


def result(call: Call[T], answer: Answer) -> T:
    """Give what a good answer holds.

    Raises:
        Refused: the engine said no.
        BadAnswer: the answer is none of a bestfill engine's.
    """
    if not 200 <= answer.status < 300:
        raise refusal(answer)
    if media_type(answer.headers) != "application/json":
        raise _stranger(answer)
    try:
        value = _decoded(answer, call.answer)
    except _NO_JSON as error:
        raise BadAnswer(plain(f"the engine's answer is not as it should be: {error}")) from None
    if not call.suits(value):
        raise BadAnswer("the engine's answer is not about what was asked")
    return value


def refusal(answer: Answer) -> EngineError:
    """Give the error that an answer other than a good one stands for."""
    problem = _problem(answer)
    if problem is not None:
        kind = BY_STATUS.get(answer.status, Refused)
        error = kind(answer.status, problem.code, problem.detail, problem.errors, retry_after_s(answer))
        if isinstance(error, Forbidden):
            error.rule = plain(problem.rule) or None
        return error
    if answer.status in PASSING:
        name = HTTPStatus(answer.status)
        detail = f"what stands before the engine answers {answer.status} {name.phrase}; is the engine running?"
        kind = BY_STATUS.get(answer.status, Unavailable)
        return kind(answer.status, name.name, detail, retry_after_s=retry_after_s(answer))
    return _stranger(answer)


def spoken(answer: Answer) -> bool:
    """Say whether an answer is the engine's own word that it did not do what was asked.

    The engine's problem details have a `code`; a gateway's need not, and 408 is its word that it knows of no answer.
    """
    problem = _problem(answer)
    return 400 <= answer.status < 500 and answer.status != 408 and problem is not None and problem.code != ""


def retry_after_s(answer: Answer) -> float | None:
    """Give how long to wait, if the answer says so in seconds; a date says nothing to a clock that may differ."""
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if _SECONDS.fullmatch(text) else None


def media_type(headers: Mapping[str, str]) -> str:
    """Give a body's type, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _problem(answer: Answer) -> Problem | None:
    if answer.status < 400 or media_type(answer.headers) != "application/problem+json":
        return None
    try:
        return _decoded(answer, Problem)
    except _NO_JSON:
        return None


def _decoded(answer: Answer, kind: type[T]) -> T:
    if len(answer.body) > ANSWER_MAX_BYTES:
        raise msgspec.DecodeError("it is too long")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise msgspec.DecodeError("it is compressed, which was not asked for")
    return msgspec.json.decode(answer.body, type=kind)


def _stranger(answer: Answer) -> BadAnswer:
    if 300 <= answer.status < 400:
        where = plain(answer.headers.get("location", "elsewhere"))
        return BadAnswer(f"the address leads on to {where}: give the client the address of the engine itself")
    shown = plain(media_type(answer.headers)) or "no type"
    return BadAnswer(f"what answers there ({answer.status}, {shown}) is no bestfill engine: check the address")
