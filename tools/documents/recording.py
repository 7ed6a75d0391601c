"""Sends the calls to the engine, and keeps what it answers; what does not fit the OpenAPI document is an error."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx
from attrs import frozen
from jsonschema import Draft202012Validator

from bestfill_api.edge.dress import headers_of
from bestfill_api.edge.visit import Visit
from tools.documents.call import Call
from tools.documents.house import House
from tools.documents.operations import Operation
from tools.documents.values import filled

PAUSE_S: Final = 0.05
POLL_S: Final = 0.1
POLLS: Final = 600
ENDED: Final = ("confirmed", "failed")
_SHOWN: Final = re.compile(r"(# \w+ )?bestfill_(orders|orders_accepted_total|sockets_\w+)\b")
_OF_ALL: Final = frozenset(name.decode() for name, _ in headers_of((), Visit("", "")))
"""Headers that every answer has, whatever it answers; the request's id among them is always another."""


@frozen
class Answer:
    """What came back, and when it did so in the course of the order."""

    name: str
    status: int
    reason: str
    headers: Mapping[str, str]
    text: str


class Unforeseen(Exception):
    """The engine answered otherwise than the collection, or the OpenAPI document, says."""


class Recorder:
    """A client with variables, as Postman is."""

    def __init__(self, house: House, document: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        self._house, self._document = house, document
        self._variables = dict(variables)

    async def answers(self, call: Call, operation: Operation) -> list[Answer]:
        """Send a call, and again until it is as it should; give an answer for each time that its orders moved on.

        Raises:
            Unforeseen: that is not what should come back.
        """
        found: dict[str, Answer] = {}
        for name, value in call.values.items():
            self._variables[name] = value.python(self._house.clock.now())
        for _ in range(POLLS):
            await asyncio.sleep(PAUSE_S)
            response = await self._send(call, operation)
            if call.until and response.status_code != call.status:
                await asyncio.sleep(POLL_S)
                continue
            self._check(call, operation, response)
            statuses = list(_statuses(response)) if call.ends else []
            ended = all(status in ENDED for status in statuses)
            name = ", ".join(dict.fromkeys(statuses)) or call.name
            found.setdefault(name, _answer(name, response))
            if ended:
                break
            await asyncio.sleep(POLL_S)
        else:
            raise Unforeseen(f"{call.name}: it does not come to that")
        for variable, name in call.keep.items():
            self._variables[variable] = response.json()[name]
        return list(found.values())

    async def _send(self, call: Call, operation: Operation) -> httpx.Response:
        path, query = operation.filled(call.parameters)
        body = call.body if call.body is None or isinstance(call.body, str) else json.dumps(call.body)
        headers = {name: filled(value, self._variables) for name, value in call.headers.items()}
        if call.credential:
            headers["Authorization"] = f"Bearer {self._variables[call.credential]}"
        return await self._house.http.request(
            operation.method,
            filled(path, self._variables),
            params={name: filled(value, self._variables) for name, value in query.items()},
            headers=headers,
            content=None if body is None else filled(body, self._variables),
        )

    def _check(self, call: Call, operation: Operation, response: httpx.Response) -> None:
        if response.status_code != call.status:
            raise Unforeseen(f"{call.name}: answered {response.status_code}: {response.text}")
        problem = response.json() if call.code else {}
        wrong = [error["field"] for error in problem.get("errors", ())]
        if problem.get("code", "") != call.code or (call.wrong is not None and call.wrong not in wrong):
            raise Unforeseen(f"{call.name}: answered {response.text}")
        if operation.name:
            self._check_shape(call, operation, response)

    def _check_shape(self, call: Call, operation: Operation, response: httpx.Response) -> None:
        media_type, schema = operation.answer(call.status)
        if response.headers["content-type"] != media_type:
            raise Unforeseen(f"{call.name}: answered {response.headers['content-type']}, not {media_type}")
        body = response.json() if "json" in media_type else response.text
        whole = {**schema, "components": self._document["components"]}
        for error in Draft202012Validator(whole).iter_errors(body):
            raise Unforeseen(f"{call.name}: {error.json_path}: {error.message}")


def _statuses(response: httpx.Response) -> Iterator[str]:
    body = response.json()
    orders: Sequence[Mapping[str, str]] = body.get("orders", [body])
    return (order["status"] for order in orders)


def _answer(name: str, response: httpx.Response) -> Answer:
    headers = {key.title(): value for key, value in response.headers.items() if key not in _OF_ALL}
    text = _text(response)
    if "Content-Length" in headers:
        headers["Content-Length"] = str(len(text.encode()))
    return Answer(name, response.status_code, response.reason_phrase, headers, text)


def _text(response: httpx.Response) -> str:
    """Give the body; of metrics, which are many and partly of the machine, some counts."""
    if not response.headers["content-type"].startswith("text/plain"):
        return response.text
    return "".join(line for line in response.text.splitlines(keepends=True) if _SHOWN.match(line))
