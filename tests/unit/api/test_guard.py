"""A call is open to those whom its handler names, and to nobody if it names none."""

from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Request

from bestfill.access import Principal, Scope
from bestfill.errors import Forbidden, Unauthorized
from bestfill_api.edge.guard import ADMIN, OPEN, READ, TRADE, guard
from bestfill_api.edge.visit import NO_PASS, Pass, Visit, enter

READER = Pass(Principal(user_id="ann", scopes=frozenset({Scope.READ}), credential="key"), "key")


def request(opt: dict[str, Any], held: Pass | None) -> Request[Any, Any, Any]:
    scope: Any = {"type": "http", "method": "POST", "route_handler": SimpleNamespace(opt=opt)}
    enter(scope, Visit("1", "192.0.2.1", held))
    return Request(scope)


@pytest.mark.parametrize("held", [None, READER, NO_PASS])
def test_a_call_that_does_not_say_what_it_needs_is_closed_to_all(held: Pass | None):
    with pytest.raises(Forbidden):
        guard(request({}, held))


def test_a_call_that_needs_a_scope_is_closed_to_those_without_it():
    for opt in (READ, TRADE, ADMIN):
        with pytest.raises(Unauthorized):
            guard(request(opt, None))
        guard(request(opt, NO_PASS))
    guard(request(READ, READER))
    for opt in (TRADE, ADMIN):
        with pytest.raises(Forbidden, match="scope"):
            guard(request(opt, READER))
    guard(request(OPEN, None))
