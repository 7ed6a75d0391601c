"""One JSON-RPC request to one URL. What comes back is bounded, and believed only if it is an answer."""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Final, Literal, TypeVar

import httpx
import msgspec

from bestfill.ports import Clock
from bestfill.units import Millis
from bestfill_adapters.solana.rpc.fault import Fault, nonsense
from bestfill_adapters.solana.rpc.quiet import unheard

T = TypeVar("T")

KB: Final = 1_024
LONGEST_RETRY_AFTER_MS: Final = 60_000

_HEADERS: Final = {
    "Accept": "application/json",
    # What is not compressed can't be a bomb.
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "bestfill",
}
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_SLOW_DOWN: Final = (429, -32429)
"""Codes with which providers say that they are asked too often; the second is of none but JSON-RPC."""
_AILS: Final = (-32005, -32603, *_SLOW_DOWN)
"""Codes that tell of the node rather than of the question: it is unhealthy, or failed within."""
_MEANINGS: Final = {
    -32002: "the transaction failed in its simulation",
    -32003: "the transaction's signature is wrong",
    -32004: "it does not have that block yet",
    -32005: "it is behind the chain, or unhealthy",
    -32007: "it has no block of that slot",
    -32009: "it has no block of that slot",
    -32011: "it keeps no history of transactions",
    -32015: "it does not know that version of transactions",
    -32016: "it is behind the slot that is asked for",
    -32601: "it does not offer that method",
    -32602: "it does not take these parameters",
    **dict.fromkeys(_SLOW_DOWN, "it is asked too often"),
}
_ids = count(1)


class _Question(msgspec.Struct):
    method: str
    params: list[object]
    id: int = msgspec.field(default_factory=lambda: next(_ids))
    jsonrpc: str = "2.0"


class _Envelope(msgspec.Struct):
    jsonrpc: Literal["2.0"]
    id: int
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Error(msgspec.Struct):
    code: int


_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_decode_envelopes: Final = msgspec.json.Decoder(list[_Envelope]).decode
_decode_error: Final = msgspec.json.Decoder(_Error).decode


class Door:
    """One URL, behind a transport: no cookies, no redirects, no proxy, no log. Its repr does not show the URL."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport, clock: Clock, try_s: float) -> None:
        self._url = httpx.URL(url)
        self._extensions = {"timeout": httpx.Timeout(try_s).as_dict()}
        self._transport, self._clock = transport, clock
        self._headers = dict(_HEADERS)
        if self._url.userinfo:
            word = base64.b64encode(f"{self._url.username}:{self._url.password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {word}"

    async def ask(self, method: str, params: list[object], max_bytes: int) -> msgspec.Raw:
        """Give the result, whose shape is not looked at yet.

        Whoever calls bounds the time, since what the transport is told holds for each part of the answer alone.

        Raises:
            Fault: there is none.
        """
        question = _Question(method=method, params=params)
        answer = await self._post(method, msgspec.json.encode(question), max_bytes)
        envelope = _decoded(answer, _decode_envelope)
        if envelope.id != question.id:
            raise Fault(f"answered another question than {method}")
        return _result(method, envelope)

    async def ask_at_once(self, asked: Mapping[str, list[object]], max_bytes: int) -> list[msgspec.Raw]:
        """Ask several methods with their params in one request, which one node answers; give their results in order.

        Raises:
            Fault: there are none.
        """
        questions = [_Question(method=method, params=params) for method, params in asked.items()]
        answer = await self._post(" and ".join(asked), msgspec.json.encode(questions), max_bytes)
        if not answer.lstrip().startswith(b"["):
            raise Fault("does not answer several questions in one request")
        envelopes = sorted(_decoded(answer, _decode_envelopes), key=lambda envelope: envelope.id)
        if [envelope.id for envelope in envelopes] != [question.id for question in questions]:
            raise Fault("answered other questions than those of the request")
        return [_result(question.method, envelope) for question, envelope in zip(questions, envelopes, strict=True)]

    async def _post(self, method: str, body: bytes, max_bytes: int) -> bytes:
        with unheard():
            try:
                return await self._exchange(method, body, max_bytes)
            except Fault:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the libraries make of what a node sends
                kind = type(error).__name__
        # Out of the `except`: the error's own text may hold the host's name, or what was answered.
        raise Fault(f"could not be reached ({kind})")

    async def _exchange(self, method: str, body: bytes, max_bytes: int) -> bytes:
        request = httpx.Request("POST", self._url, headers=self._headers, content=body, extensions=self._extensions)
        response = await self._transport.handle_async_request(request)
        try:
            if response.status_code != 200:
                raise self._refused(response)
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
                raise Fault("answered in a compressed form, which it was asked not to")
            answer = bytearray()
            if not isinstance(response.stream, httpx.AsyncByteStream):
                raise TypeError("the transport is not for an event loop")
            async for part in response.stream:
                answer += part
                if len(answer) > max_bytes:
                    raise Fault(f"answered {method} with more than {max_bytes // KB} KB")
            return bytes(answer)
        finally:
            await response.aclose()

    def _refused(self, response: httpx.Response) -> Fault:
        status = response.status_code
        if 300 <= status < 400:
            return Fault(f"answered with HTTP {status}, a redirect, which is not followed")
        if status in {429, 503}:
            until = self._retry_after(response.headers.get("Retry-After", ""))
            return Fault(f"answered with HTTP {status}", slow_down=status == 429, wait_until=until)
        return Fault(f"answered with HTTP {status}")

    def _retry_after(self, text: str) -> Millis | None:
        """Read seconds or a date (RFC 9110, 10.2.3); None if it is neither."""
        now = self._clock.now()
        if _SECONDS.fullmatch(text):
            return Millis(now + min(1_000 * int(text), LONGEST_RETRY_AFTER_MS))
        try:
            date = parsedate_to_datetime(text)
            span = date.replace(tzinfo=date.tzinfo or UTC) - datetime.fromtimestamp(now / 1000, UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
        return Millis(now + max(0, min(int(1_000 * span.total_seconds()), LONGEST_RETRY_AFTER_MS)))


def _decoded(answer: bytes, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(answer)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # its text may hold what was answered
    raise Fault(f"answered {_kind(answer)} instead of JSON-RPC")


def _result(method: str, envelope: _Envelope) -> msgspec.Raw:
    if not isinstance(envelope.error, msgspec.UnsetType) and bytes(envelope.error) != b"null":
        raise _error(method, envelope.error)
    if isinstance(envelope.result, msgspec.UnsetType):
        raise nonsense(method)
    return envelope.result


def _kind(answer: bytes) -> str:
    start = answer[:64].lstrip()
    return "nothing" if not start else "HTML" if start.startswith(b"<") else "something else"


def _error(method: str, error: msgspec.Raw) -> Fault:
    try:
        code = _decode_error(error).code
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return nonsense(method, ": an error that is none of JSON-RPC")
    meaning = f": {_MEANINGS[code]}" if code in _MEANINGS else ""
    shown = code if -(2**31) <= code < 2**31 else "out of range"
    return Fault(f"refused {method} (code {shown}{meaning})", ails=code in _AILS, slow_down=code in _SLOW_DOWN)
