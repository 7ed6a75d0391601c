"""The operators' calls: whether the engine signs."""

from typing import Any, Final

from litestar import Request, Response, get, post, route
from litestar.handlers import HTTPRouteHandler

from bestfill.audit import AuditFact
from bestfill.errors import ValidationError
from bestfill.ports import Clock, ControlStore, Halt
from bestfill.units import iso
from bestfill_api import openapi
from bestfill_api.bodies import HaltBody
from bestfill_api.dto import HaltView
from bestfill_api.edge.guard import ADMIN
from bestfill_api.edge.visit import visit_of
from bestfill_api.form import Invalid, json_form
from bestfill_api.record import whose
from bestfill_api.wire import Json, json_body

REASON_MAX_CHARS: Final = 200


def admin_routes(control: ControlStore, clock: Clock) -> list[HTTPRouteHandler]:
    """Make the handlers. A change and its entry in the audit log are written together."""

    # First, and by hand: Litestar's own would know the first handler of the path alone.
    @route("/api/admin/halt", http_method=["OPTIONS"], opt=ADMIN, status_code=204, include_in_schema=False)
    async def halt_methods() -> Response[None]:
        return Response(None, status_code=204, headers={"allow": "GET, OPTIONS, POST"}, media_type="text/plain")

    @get("/api/admin/halt", opt=ADMIN, responses=openapi.problems(503))
    async def show_halt() -> Json[HaltView]:
        """Say whether the engine is halted."""
        return Json(_view(await control.halt()))

    @post(
        "/api/admin/halt",
        opt=ADMIN,
        status_code=200,
        operation_class=openapi.operation(HaltBody),
        responses=openapi.problems(400, 413, 415, 503),
    )
    async def halt_engine(request: Request[Any, Any, Any]) -> Json[HaltView]:
        """Halt the engine: within a second nothing new is signed. What is signed is followed to its end."""
        form = json_form(await json_body(request), HaltBody.__struct_encode_fields__)
        reason = form.text("reason", _reason, required=True)
        if form.errors or reason is None:
            raise Invalid(form.errors)
        now, (actor, origin) = clock.now(), whose(visit_of(request))
        halt = Halt(reason=reason, actor=actor, at=now)
        fact = AuditFact(
            at=now, actor=actor, origin=origin, action="halt.set", subject="engine", detail={"reason": reason}
        )
        await control.set_halt(halt, fact)
        return Json(_view(halt))

    @post("/api/admin/resume", opt=ADMIN, status_code=200, responses=openapi.problems(503))
    async def resume_engine(request: Request[Any, Any, Any]) -> Json[HaltView]:
        """Let the engine go on."""
        actor, origin = whose(visit_of(request))
        fact = AuditFact(at=clock.now(), actor=actor, origin=origin, action="halt.clear", subject="engine")
        await control.set_halt(None, fact)
        return Json(_view(None))

    return [halt_methods, show_halt, halt_engine, resume_engine]


def _reason(text: str) -> str:
    if not 1 <= len(text) <= REASON_MAX_CHARS or not text.isprintable() or text.isspace():
        raise ValidationError(f"must have 1 to {REASON_MAX_CHARS} printable characters, and say why")
    return text


def _view(halt: Halt | None) -> HaltView:
    if halt is None:
        return HaltView(halted=False, reason=None, by=None, since=None)
    return HaltView(halted=True, reason=halt.reason, by=halt.actor, since=iso(halt.at))
