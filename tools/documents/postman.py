"""The Postman collection (https://schema.getpostman.com/json/collection/v2.1.0/docs/index.html)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from tools.documents import figures, orders
from tools.documents.call import BASE, Call, Folder
from tools.documents.house import guarded, opened, run, trade_key
from tools.documents.operations import Operation, operation_of, operations
from tools.documents.recording import Answer, Recorder
from tools.documents.refusals import GUARDED, TRADE_KEY, access, refusals
from tools.documents.scripts import after, before

FORMAT: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
BASE_URL: Final = "http://127.0.0.1:3000"
USER_ID: Final = "user-123"

_ABOUT: Final = """The calls of the bestfill API, with answers that the engine gave.

Start the engine with `./dev run`. Then send one request after the other, or run a folder, or all of it: each checks
what comes back. `baseUrl` says where the engine is, `userId` who trades. Requests of one folder are meant to be sent
in their order; the folders need nothing of each other.

Where the engine asks who you are, `credential` is the key or token of `userId`, with the scopes trade and, for metrics
and the operators' calls, admin. What is refused without one, the folder Access errors shows, of a second engine.

**Running all of it halts the engine** for some seconds, in its last folder, Operators, which resumes it at its end. If
the run is stopped in between, the engine stays halted until you send `Resume it`.
"""
_VARIABLES: Final = {BASE: BASE_URL, "userId": USER_ID, "credential": "", GUARDED: "", TRADE_KEY: ""}


class Forgotten(Exception):
    """The collection lacks a call that the OpenAPI document has."""


def folders() -> list[Folder]:
    """Give all folders, in the order in which they are shown."""
    return [*orders.folders(), figures.quotes(), refusals(), access(), figures.stats(), figures.operators()]


def collection() -> dict[str, Any]:
    """Make the collection, with answers of an engine of its own.

    Raises:
        Forgotten, Unforeseen, KeyError: it does not fit the OpenAPI document, or the engine.
    """
    return run(_collection())


async def _collection() -> dict[str, Any]:
    async with opened() as house, guarded() as other:
        document = house.app.openapi_schema.to_schema()
        known, shown = operations(document), folders()
        if missing := known.keys() - {call.operation for folder in shown for call in folder.calls}:
            raise Forgotten(", ".join(sorted(missing)))
        recorders = {
            BASE: Recorder(house, document, _VARIABLES),
            GUARDED: Recorder(other, document, _VARIABLES | {TRADE_KEY: await trade_key(other.control, USER_ID)}),
        }
        items = [await _folder(folder, recorders[folder.engine], known, document) for folder in shown]
        kept = (name for folder in shown for call in folder.calls for name in (*call.values, *call.keep))
        return {
            "info": {
                "_postman_id": str(uuid5(NAMESPACE_URL, "bestfill")),
                "name": f"bestfill {document['info']['version']}",
                "description": _ABOUT,
                "schema": FORMAT,
            },
            "item": items,
            "auth": _bearer("credential"),
            "variable": [
                {"key": name, "value": value, "type": "string"}
                for name, value in (_VARIABLES | dict.fromkeys(kept, "")).items()
            ],
        }


async def _folder(
    folder: Folder, recorder: Recorder, known: Mapping[str, Operation], document: Mapping[str, Any]
) -> dict[str, Any]:
    items = [await _item(call, operation_of(call, known), recorder, document, folder.engine) for call in folder.calls]
    return {"name": folder.name, "description": folder.about, "item": items}


async def _item(
    call: Call, operation: Operation, recorder: Recorder, document: Mapping[str, Any], engine: str
) -> dict[str, Any]:
    request = _request(call, operation, engine)
    scripts = {"prerequest": before(call, engine), "test": after(call, operation, document)}
    return {
        "name": call.name,
        "event": [
            {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}
            for listen, lines in scripts.items()
            if lines
        ],
        "request": request,
        "response": [_example(answer, request) for answer in await recorder.answers(call, operation)],
    }


def _request(call: Call, operation: Operation, engine: str) -> dict[str, Any]:
    about = "\n\n".join(filter(None, [call.about, operation.description]))
    request: dict[str, Any] = {
        "method": operation.method,
        "header": _pairs(call.headers, operation.parameters("header")),
        "url": _url(call, operation, engine),
    }
    if call.credential is not None:
        request["auth"] = _bearer(call.credential) if call.credential else {"type": "noauth"}
    if about:
        request["description"] = about
    if call.body is not None:
        raw = call.body if isinstance(call.body, str) else json.dumps(call.body, indent=2, ensure_ascii=False)
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return request


def _bearer(variable: str) -> dict[str, Any]:
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}]}


def _url(call: Call, operation: Operation, engine: str) -> dict[str, Any]:
    in_path = [parameter["name"] for parameter in operation.parameters("path")]
    path = operation.path
    for name in in_path:
        path = path.replace(f"{{{name}}}", f":{name}")
    query = {name: value for name, value in call.parameters.items() if name not in in_path}
    raw = "&".join(f"{name}={value}" for name, value in query.items())
    url: dict[str, Any] = {
        "raw": f"{{{{{engine}}}}}{path}" + (f"?{raw}" if raw else ""),
        "host": [f"{{{{{engine}}}}}"],
        "path": path.strip("/").split("/"),
    }
    if query:
        url["query"] = _pairs(query, operation.parameters("query"))
    if in_path:
        url["variable"] = [{"key": name, "value": call.parameters[name]} for name in in_path]
    return url


def _pairs(values: Mapping[str, str], told: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    descriptions = {parameter["name"]: parameter.get("description") for parameter in told}
    pairs: list[dict[str, str]] = []
    for name, value in values.items():
        pair = {"key": name, "value": value}
        if about := descriptions.get(name):
            pair["description"] = about
        pairs.append(pair)
    return pairs


def _example(answer: Answer, request: Mapping[str, Any]) -> dict[str, Any]:
    media_type = answer.headers["Content-Type"]
    body = answer.text
    if is_json := "json" in media_type:
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return {
        "name": answer.name,
        "originalRequest": {name: value for name, value in request.items() if name != "description"},
        "status": answer.reason,
        "code": answer.status,
        "_postman_previewlanguage": "json" if is_json else "text",
        "header": [{"key": name, "value": value} for name, value in answer.headers.items()],
        "cookie": [],
        "body": body,
    }


def names(made: Mapping[str, Any]) -> Sequence[str]:
    """Give the names of a collection's requests."""
    return [item["name"] for folder in made["item"] for item in folder["item"]]
