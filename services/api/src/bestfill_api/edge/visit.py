"""One request or socket, as the edge has seen it."""

from collections.abc import Mapping
from typing import Any, Final, cast

from attrs import define, frozen
from litestar.connection import ASGIConnection

from bestfill.access import ANYBODY, Principal
from bestfill.errors import Unauthorized
from bestfill_adapters.limits import Taken

_KEY: Final = "bestfill.visit"


@frozen(eq=False)
class Pass:
    """That a credential was good: whose it is, and the name of the key that vouches for it."""

    principal: Principal
    vouched_by: str


NO_PASS: Final = Pass(ANYBODY, "")
"""Everybody's, where there is no access control."""


@define(eq=False)
class Visit:
    """`id` names it in answers and logs until it is over; `client` is the caller's IP address.

    `taken` is what is left of the limit that is nearest. Without `held`, nobody has said who they are.
    """

    id: str
    client: str
    held: Pass | None = None
    taken: Taken | None = None

    @property
    def principal(self) -> Principal | None:
        """Who asks, if that is known."""
        return None if self.held is None else self.held.principal

    @property
    def owner(self) -> str | None:
        """Whose orders are in reach; None if all are, since there is no access control.

        Raises:
            Unauthorized: nobody has said who they are.
        """
        if self.held is None:
            raise Unauthorized("nobody asks")
        return self.held.principal.user_id

    def note(self, taken: Taken) -> None:
        """Keep what is left of a limit, if it is the nearest so far."""
        if self.taken is None or not taken.allowed or taken.remaining < self.taken.remaining:
            self.taken = taken


def enter(scope: Any, visit: Visit) -> None:
    """Have the application find the visit."""
    scope[_KEY] = visit


def visit_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Visit:
    """Give the visit of a request or socket that came through the edge."""
    return cast("Mapping[str, Visit]", connection.scope)[_KEY]
