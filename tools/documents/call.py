"""One request of the collection: what is sent, and what must come back. Texts may hold {{variables}}."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from tools.documents.values import Value

Body: TypeAlias = Mapping[str, Any] | str

BASE: Final = "baseUrl"
"""The variable that says where most calls are sent."""
JSON_HEADERS: Final[Mapping[str, str]] = {"Content-Type": "application/json"}


@frozen(kw_only=True)
class Call:
    """A request by the id of its operation in the OpenAPI document, or, without one, by its method and path.

    `values` are made before it is sent, and become variables. `keep` names variables for fields of the answer. With
    `ends`, it is sent again until every order in the answer has ended; with `until`, until it is answered by `status`.
    `code` is of the problem that comes back, and `wrong` the field that it names. `credential` is the variable that
    has the credential, in place of the collection's; if it is empty, none is sent. `tests` are in JavaScript, by their
    titles; `answer` is the body there.
    """

    name: str
    operation: str = ""
    method: str = ""
    path: str = ""
    about: str = ""
    parameters: Mapping[str, str] = field(factory=dict[str, str])
    headers: Mapping[str, str] = field(factory=dict[str, str])
    body: Body | None = None
    status: int = 200
    code: str = ""
    wrong: str | None = None
    values: Mapping[str, Value] = field(factory=dict[str, Value])
    keep: Mapping[str, str] = field(factory=dict[str, str])
    ends: bool = False
    until: bool = False
    credential: str | None = None
    tests: Mapping[str, str] = field(factory=dict[str, str])


@frozen
class Folder:
    """Requests that belong together, in the order in which they are meant to be sent.

    `engine` is the variable that says where they are sent; none is while that is empty.
    """

    name: str
    about: str
    calls: Sequence[Call]
    engine: str = BASE
