"""What a call needs: each handler says so in its `opt`, and one that does not is closed."""

from typing import Any, Final

from litestar import Request

from bestfill.access import Principal, Scope
from bestfill.errors import Forbidden, Unauthorized
from bestfill_api.edge.visit import visit_of

_NEEDS: Final = "needs"
OPEN: Final[dict[str, Scope | None]] = {_NEEDS: None}
"""For whoever comes, without a credential."""
READ: Final[dict[str, Scope | None]] = {_NEEDS: Scope.READ}
TRADE: Final[dict[str, Scope | None]] = {_NEEDS: Scope.TRADE}
ADMIN: Final[dict[str, Scope | None]] = {_NEEDS: Scope.ADMIN}


def guard(request: Request[Any, Any, Any]) -> None:
    """Let in who may make this call. Called from a hook: for what it calls a guard, Litestar copies the handler.

    Raises:
        Unauthorized: nobody has said who they are.
        Forbidden: their credential is not for this.
    """
    opt = request.scope["route_handler"].opt
    if request.method == "OPTIONS":
        return  # Litestar's own handler, which tells the methods of a path
    if _NEEDS not in opt:
        raise Forbidden("nobody may make this call")
    if (scope := opt[_NEEDS]) is not None:
        check(visit_of(request).principal, scope)


def check(principal: Principal | None, scope: Scope) -> None:
    """See that somebody may do what needs a scope.

    Raises:
        Unauthorized: it is nobody.
        Forbidden: they may not.
    """
    if principal is None:
        raise Unauthorized("this needs a credential: send Authorization: Bearer, with a key or a token")
    if not principal.may(scope):
        raise Forbidden(f"this needs the scope {scope}, which your credential does not have")
