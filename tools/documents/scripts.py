"""The scripts of a request: what Postman and newman do before it is sent, and test in what comes back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import dumps
from typing import Any

from tools.documents.call import BASE, Call
from tools.documents.operations import Operation
from tools.documents.recording import ENDED, POLL_S, POLLS


def before(call: Call, engine: str) -> list[str]:
    """Give the lines of what runs before a request to this engine."""
    skip = f"if (!pm.variables.get({dumps(engine)})) pm.execution.skipRequest();"
    lines = [skip] if engine != BASE else []
    lines += [f"pm.collectionVariables.set({dumps(name)}, {value.javascript});" for name, value in call.values.items()]
    if call.ends or call.until:
        lines += [f'if (pm.collectionVariables.get("polls")) setTimeout(() => {{}}, {POLL_S * 1000:.0f});']
    return lines


def after(call: Call, operation: Operation, document: Mapping[str, Any]) -> list[str]:
    """Give the lines of what runs with the answer, which they call `answer`."""
    lines = _after(call, operation, document)
    if call.until:
        lines = _polled(f"pm.response.code === {call.status}", lines)
    return "\n".join(lines).split("\n")


def _after(call: Call, operation: Operation, document: Mapping[str, Any]) -> Iterator[str]:
    yield _test(f"it answers {call.status}", f"pm.response.to.have.status({call.status});")
    media_type, required = _shape(call, operation, document)
    if "json" in media_type:
        yield "const answer = pm.response.json();"
        if required:
            names = ", ".join(map(dumps, required))
            yield _test("it has each field", f"pm.expect(answer).to.include.all.keys({names});")
    if call.code:
        yield _test("the code says why", f"pm.expect(answer.code).to.eql({dumps(call.code)});")
    if call.wrong is not None:
        named = f"pm.expect(answer.errors.map(error => error.field)).to.include({dumps(call.wrong)});"
        yield _test("the field is named", named)
    for variable, name in call.keep.items():
        yield f"pm.collectionVariables.set({dumps(variable)}, answer.{name});"
    tests = [_test(title, script) for title, script in call.tests.items()]
    if call.ends:
        yield "const orders = answer.orders || [answer];"
        yield from _polled(f"orders.every(order => {dumps(ENDED)}.includes(order.status))", tests)
    else:
        yield from tests


def _shape(call: Call, operation: Operation, document: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    if not operation.name:
        return "application/problem+json", document["components"]["schemas"]["Problem"]["required"]
    media_type, schema = operation.answer(call.status)
    name = schema.get("$ref", "").rpartition("/")[2]
    return media_type, document["components"]["schemas"][name].get("required", ()) if name else ()


def _polled(done: str, tests: Iterable[str]) -> Iterator[str]:
    """Send it again until it is done, then test; too late, the tests fail."""
    yield 'const polls = Number(pm.collectionVariables.get("polls") || 0) + 1;'
    yield f"if ({done} || polls >= {POLLS}) {{"
    yield '    pm.collectionVariables.unset("polls");'
    yield from (_indented(test) for test in tests)
    yield "} else {"
    yield '    pm.collectionVariables.set("polls", polls);'
    yield "    pm.execution.setNextRequest(pm.info.requestName);"
    yield "}"


def _test(title: str, script: str) -> str:
    return f"pm.test({dumps(title)}, () => {{\n    {script}\n}});"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
