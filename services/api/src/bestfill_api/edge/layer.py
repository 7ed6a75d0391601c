"""The outermost layer of the application."""

import asyncio
import secrets
from itertools import count
from typing import Any, Final

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Send

from bestfill.access import Scope
from bestfill.errors import BestfillError, Forbidden, RateLimited
from bestfill.ports import Telemetry
from bestfill.ports.telemetry import SILENT
from bestfill_adapters.limits import Hold, Limiter
from bestfill_adapters.logs import REQUEST
from bestfill_adapters.settings import Settings
from bestfill_api.edge import address
from bestfill_api.edge.dress import Answered, dressed, dressed_socket
from bestfill_api.edge.guard import check
from bestfill_api.edge.identity import Identity, credential, offered
from bestfill_api.edge.limit import take
from bestfill_api.edge.names import Names
from bestfill_api.edge.refusing import refuse, refusing_sockets, tell
from bestfill_api.edge.visit import NO_PASS, Visit, enter
from bestfill_api.ip import subject
from bestfill_api.origin import foreign
from bestfill_api.problems import FOREIGN, NotReady
from bestfill_api.turns import Turns

_OPEN: Final = ("/web/", "/health/", "/schema/")
_REFUSED, _FAILED = 400, 500
_OPEN_ALONE: Final = frozenset({"/", "/health", "/schema"})


class Edge:
    """Lets requests and sockets through to the application, or refuses them, in this order: by the name that they ask,
    by their address' limit, by who they are, by that credential's limit.

    Without an `identity`, all are let in as anybody. What is not limited, costs no question. With `turns`, whoever is
    refused too often has to take turns before all that.
    """

    def __init__(
        self,
        settings: Settings,
        identity: Identity | None,
        limiter: Limiter,
        answered: Answered,
        telemetry: Telemetry = SILENT,
        turns: Turns | None = None,
    ) -> None:
        access, self._limits = settings.access, settings.limits
        self._proxies, self._identity, self._limiter, self._answered = access.proxies, identity, limiter, answered
        self._telemetry, self.turns = telemetry, turns
        self._names = Names((settings.host, *access.hosts)) if identity is None or access.hosts else None
        self._anybody = NO_PASS if identity is None else None
        self._prefix, self._numbers = secrets.token_hex(4), count(1)

    async def __call__(self, app: ASGIApp, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request or socket by the application."""
        visit = Visit(f"{self._prefix}-{next(self._numbers):x}", self._client(scope), self._anybody)
        enter(scope, visit)
        REQUEST.set(visit)
        try:
            if scope["type"] == "http":
                await self._request(app, visit, scope, receive, dressed(send, visit, scope, self._tell))
            else:
                sending = dressed_socket(send, visit, offered(scope), self._tell_turns)
                await self._socket(app, visit, scope, receive, sending)
        finally:
            visit.id = ""  # what goes on in its context is of no request any more

    def _tell(self, visit: Visit, scope: Any, status: int) -> None:
        self._answered(scope, status)
        self._tell_turns(visit, status)

    def _tell_turns(self, visit: Visit, status: int) -> None:
        if self.turns is not None and _REFUSED <= status < _FAILED:
            self.turns.refused(subject(visit.client))

    def _client(self, scope: Any) -> str:
        peer: str = (scope.get("client") or ("",))[0]
        return address.client(peer, scope["headers"], self._proxies) if self._proxies else peer

    async def _request(self, app: ASGIApp, visit: Visit, scope: Any, receive: Receive, send: Send) -> None:
        try:
            await self._admit(visit, scope)
        except (BestfillError, HTTPException, NotReady) as error:
            tell(self._telemetry, error)
            await refuse(scope, send, error, visit.client)
        else:
            await app(scope, receive, send)

    async def _socket(self, app: ASGIApp, visit: Visit, scope: Any, receive: Receive, send: Send) -> None:
        try:
            await self._admit(visit, scope)
            check(visit.principal, Scope.READ)
            if foreign(scope["headers"]):
                raise Forbidden(FOREIGN)
            place = await self._place(visit)
        except (BestfillError, HTTPException, NotReady) as error:
            tell(self._telemetry, error)
            await refuse(scope, send, error, visit.client)
            return
        try:
            await app(scope, receive, refusing_sockets(scope, send, visit.client))
        finally:
            if place is not None:
                place.release()

    async def _admit(self, visit: Visit, scope: Any) -> None:
        """Let a request in, or say why not; nothing has been spent on it before."""
        headers = scope["headers"]
        if self.turns is not None:
            await self._take_turn(self.turns, subject(visit.client))
        if self._names is not None:
            self._names.check(headers)
        if (rate := self._limits.ip) is not None:
            await take(self._limiter, visit, address.bucket(visit.client), rate)
        if self._identity is None or (scope["type"] == "http" and _open(scope["path"])):
            return
        visit.held = await self._identity.admit(credential(headers, offered(scope)))
        if (rate := self._limits.key) is not None:
            await take(self._limiter, visit, f"key:{visit.held.principal.credential}", rate)

    async def _take_turn(self, turns: Turns, who: str) -> None:
        if (wait_s := turns.wait_s(who)) is None:
            raise RateLimited("most of what comes from this address is refused; mend that, then go on", 1, "turns")
        if wait_s:
            await asyncio.sleep(wait_s)

    async def _place(self, visit: Visit) -> Hold | None:
        if (most := self._limits.sockets) is None:
            return None
        user_id = visit.principal and visit.principal.user_id
        whose = address.bucket(visit.client) if user_id is None else f"user:{user_id}"
        if (place := await self._limiter.hold(f"sockets:{whose}", most)) is None:
            raise RateLimited(f"{most} sockets are open already; close one first", 1, "sockets")
        return place


class Application(Litestar):
    """Litestar behind its edge, whatever it is asked by."""

    def __init__(self, *args: Any, edge: Edge, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._edge, self._inside, self.turns = edge, super().__call__, edge.turns

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, a socket, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._inside(scope, receive, send)
        else:
            await self._edge(self._inside, scope, receive, send)


def _open(path: str) -> bool:
    """Say whether a path needs no credential, as far as the edge is concerned; the guard has the last word."""
    return path in _OPEN_ALONE or path.startswith(_OPEN)
