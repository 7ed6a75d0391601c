"""docs/api.md and the OpenAPI document say the same, and every setting is explained somewhere."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from litestar import Litestar

from bestfill_adapters.limits import Taken
from bestfill_adapters.settings import VARIABLES, load
from bestfill_adapters.settings.environment import OF_THE_COMMAND_LINE
from bestfill_api.app import create_app, mode
from bestfill_api.asyncapi import CLOSE_CODES
from bestfill_api.closing import Closing
from bestfill_api.edge.dress import headers_of
from bestfill_api.edge.visit import Visit
from bestfill_api.problems import STATUS
from tests.documents.blocks import DOCUMENTS, json_values, read

PAGE = read("docs/api.md")
SECTIONS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE))
"""By their headings: `GET /api/tokens` in backticks, or Socket and a path."""
LIMITS = SECTIONS.pop("Limits")
OF_ALL = set(re.findall(r"\d+", (re.search(r"^Any call may be answered with (.*),", PAGE, re.MULTILINE) or " ")[0]))
"""What any call may be answered with, as the page says once."""
OF_HEALTH = OF_ALL - {"401", "403"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Litestar:
    settings = load({"BESTFILL_DATA_DIR": str(tmp_path_factory.mktemp("var"))})
    return create_app(*mode(settings))


@pytest.fixture(scope="module")
def calls(app: Litestar) -> dict[str, dict[str, Any]]:
    """Give the operations of the OpenAPI document by the headings that they should have."""
    paths = app.openapi_schema.to_schema()["paths"]
    return {f"`{method.upper()} {path}`": call for path, calls in paths.items() for method, call in calls.items()}


@pytest.fixture(scope="module")
def components(app: Litestar) -> dict[str, Any]:
    return app.openapi_schema.to_schema()["components"]


def test_each_call_and_socket_has_a_section_and_there_are_no_others(app: Litestar, calls: dict[str, Any]):
    sockets = {f"Socket `{path.replace(':str', '')}`" for path in ("/ws/{orderId:str}", "/ws")}
    assert {r.path.replace(":str", "") for r in app.routes if r.path.startswith("/ws")} == {"/ws", "/ws/{orderId}"}
    assert set(SECTIONS) == set(calls) | sockets


def test_each_section_names_the_errors_that_the_call_has(calls: dict[str, Any]):
    for heading, call in calls.items():
        told = re.search(r"^\*\*Errors\*\*: (.*)\.$", SECTIONS[heading], re.MULTILINE)
        assert told, heading
        statuses = {status for status in call["responses"] if status >= "400"}
        assert statuses & OF_ALL == (OF_HEALTH if "/health" in heading else OF_ALL), heading
        expected = ", ".join(sorted(statuses - OF_ALL))
        assert told[1] == (expected or "none of its own"), heading


def test_each_field_and_parameter_of_a_request_is_named(calls: dict[str, Any]):
    for heading, call in calls.items():
        body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        fields = [*body.get("properties", ()), *(parameter["name"] for parameter in call.get("parameters", ()))]
        # A preview takes what an order takes, as its section says.
        section = SECTIONS["`POST /api/orders/execute`" if "quotes" in heading else heading]
        assert [name for name in fields if f"`{name}`" not in section and f"{{{name}}}" not in heading
                and f"`{name}` header" not in section] == [], heading  # fmt: skip


def test_the_answers_that_are_shown_fit_the_schemas(calls: dict[str, Any], components: dict[str, Any]):
    """That they are what really comes, field by field, `test_blocks.py` sees; but for those that grow with time."""
    for heading, call in calls.items():
        schemas = [
            content["schema"] for answer in call["responses"].values() for content in answer.get("content", {}).values()
        ]
        for text in re.findall(r"```json\n(.*?)\n```", SECTIONS[heading], re.DOTALL):
            (value,) = json_values(text) or [None]
            jsonschema.validate(value, {"anyOf": [_strict(s) for s in schemas], "components": _strict(components)})


def _strict(schema: Any) -> Any:
    """Let no object have a field that is not described."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(part) for name, part in schema.items()}
    return made | {"additionalProperties": False} if isinstance(made.get("properties"), dict) else made


def test_each_close_code_is_explained_as_the_asyncapi_document_does():
    closing = SECTIONS["Socket `/ws/{orderId}`"]
    rows = re.findall(r"^\| (\d{4}(?:, \d{4})*)", closing, re.MULTILINE)
    told = [int(code) for row in rows for code in row.split(", ")]
    # 1006 is what a client says that was sent no code.
    assert sorted(told) == sorted({*Closing, 1006}) and set(CLOSE_CODES) == set(Closing)


def test_each_problem_is_explained_and_is_in_the_openapi_document(calls: dict[str, Any]):
    told = set(re.findall(r"^\| (\d{3}) \| `(\w+)`", PAGE, re.MULTILINE))
    assert told == {(str(int(status)), str(code)) for code, status in STATUS.items()}
    of_no_call = {"405", "426"}  # another method than a call's, and a socket's path
    statuses = {status for call in calls.values() for status in call["responses"] if status >= "400"}
    assert statuses == {status for status, _ in told} - of_no_call


def test_what_a_halt_refuses_says_so():
    for heading in ("`POST /api/quotes`", "`POST /api/orders/execute`"):
        assert "[halted](#post-apiadminhalt)" in SECTIONS[heading] and "`POLICY_DENIED`" in SECTIONS[heading], heading


def test_each_header_of_a_limit_is_explained():
    visit = Visit("1", "127.0.0.1", taken=Taken(allowed=False, limit=1, remaining=0, reset_s=1, retry_after_s=1))
    sent = {name.decode() for name, _ in headers_of([], visit)}
    told = {name.lower() for name in re.findall(r"^\| `([\w-]+)`", LIMITS, re.MULTILINE)}
    assert told - {"retry-after"} == {name for name in sent if name.startswith("ratelimit-")} and "retry-after" in told
    assert "x-request-id" in sent and "`X-Request-Id`" in PAGE


def test_every_setting_is_explained_in_a_document():
    names = set(VARIABLES) | set(re.findall(r"^([A-Z_]+)=", Path(".env.example").read_text(), re.MULTILINE))
    told = "".join(map(read, DOCUMENTS))
    assert sorted(name for name in names if f"`{name}`" not in told) == []


def test_no_document_names_a_setting_that_there_is_not():
    for document in DOCUMENTS:
        assert set(re.findall(r"\bBESTFILL_\w*[A-Z]\b", read(document))) <= {*VARIABLES, *OF_THE_COMMAND_LINE}, document
