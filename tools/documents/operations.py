"""The calls that the OpenAPI document describes."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from tools.documents.call import Call


@frozen(kw_only=True)
class Operation:
    """One of them; without a name, it is one that the document does not have."""

    name: str = ""
    method: str
    path: str
    told: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)

    @property
    def description(self) -> str:
        """What it does."""
        return self.told.get("description", "")

    def parameters(self, place: str) -> Iterator[Mapping[str, Any]]:
        """Give what it takes in the path, the query or the header."""
        return (parameter for parameter in self.told.get("parameters", ()) if parameter["in"] == place)

    def filled(self, values: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Give its path and its query with these values; names that are not of the path are of the query."""
        path, query = self.path, dict(values)
        for parameter in self.parameters("path"):
            path = path.replace(f"{{{parameter['name']}}}", query.pop(parameter["name"]))
        return path, query

    def answer(self, status: int) -> tuple[str, Mapping[str, Any]]:
        """Give the media type and the schema that it answers with.

        Raises:
            KeyError: the document does not say that it answers so.
        """
        ((media_type, content),) = self.told["responses"][str(status)]["content"].items()
        return media_type, content["schema"]


def operations(document: Mapping[str, Any]) -> dict[str, Operation]:
    """Give the document's operations by their ids."""
    return {
        told["operationId"]: Operation(name=told["operationId"], method=method.upper(), path=path, told=told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }


def operation_of(call: Call, known: Mapping[str, Operation]) -> Operation:
    """Give the operation that a call is of.

    Raises:
        KeyError: it names one that the document does not have.
    """
    return known[call.operation] if call.operation else Operation(method=call.method, path=call.path)
