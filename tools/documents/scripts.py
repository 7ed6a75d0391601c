"""The scripts of a request: what Postman and newman do before it is sent, and test in what comes back."""

from collections.abc import Iterator, Mapping, Sequence
from json import dumps
from typing import Any

from tools.documents.call import Call
from tools.documents.operations import Operation
from tools.documents.recording import ENDED, POLL_S, POLLS


def before(call: Call) -> list[str]:
    """Give the lines of what runs before a request."""
    lines = [f"pm.collectionVariables.set({dumps(name)}, {value.javascript});" for name, value in call.values.items()]
    if call.ends:
        lines += [f'if (pm.collectionVariables.get("polls")) setTimeout(() => {{}}, {POLL_S * 1000:.0f});']
    return lines


def after(call: Call, operation: Operation, document: Mapping[str, Any]) -> list[str]:
    """Give the lines of what runs with the answer, which they call `answer`."""
    text = "\n".join(_after(call, operation, document))
    return text.split("\n")


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
    yield from _polled(tests) if call.ends else tests


def _shape(call: Call, operation: Operation, document: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    if not operation.name:
        return "application/problem+json", document["components"]["schemas"]["Problem"]["required"]
    media_type, schema = operation.answer(call.status)
    name = schema.get("$ref", "").rpartition("/")[2]
    return media_type, document["components"]["schemas"][name].get("required", ()) if name else ()


def _polled(tests: Sequence[str]) -> Iterator[str]:
    """Send it again until every order has ended, then test."""
    yield "const orders = answer.orders || [answer];"
    yield 'const polls = Number(pm.collectionVariables.get("polls") || 0) + 1;'
    yield f"if (orders.every(order => {dumps(ENDED)}.includes(order.status))) {{"
    yield '    pm.collectionVariables.unset("polls");'
    yield from (_indented(test) for test in tests)
    yield f"}} else if (polls < {POLLS}) {{"
    yield '    pm.collectionVariables.set("polls", polls);'
    yield "    pm.execution.setNextRequest(pm.info.requestName);"
    yield "} else {"
    yield '    pm.collectionVariables.unset("polls");'
    yield _indented(_test("it has ended by now", "pm.expect.fail(JSON.stringify(answer));"))
    yield "}"


def _test(title: str, script: str) -> str:
    return f"pm.test({dumps(title)}, () => {{\n    {script}\n}});"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
