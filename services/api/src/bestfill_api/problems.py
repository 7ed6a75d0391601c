"""From errors to problem details (RFC 9457): the one place where the API's errors get an HTTP status."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException

from bestfill.errors import (
    BestfillError,
    ErrorCode,
    PolicyDenied,
    RateLimited,
    StoreError,
    Unauthorized,
    ValidationError,
)
from bestfill_api.dto import Problem, encode
from bestfill_api.form import FieldError, Invalid

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[str, HTTPStatus]] = {
    ErrorCode.VALIDATION_ERROR: HTTPStatus.BAD_REQUEST,
    ErrorCode.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.POLICY_DENIED: HTTPStatus.FORBIDDEN,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "REQUEST_TIMEOUT": HTTPStatus.REQUEST_TIMEOUT,
    ErrorCode.CONFLICT: HTTPStatus.CONFLICT,
    "BODY_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "URI_TOO_LONG": HTTPStatus.REQUEST_URI_TOO_LONG,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "MISDIRECTED_REQUEST": HTTPStatus.MISDIRECTED_REQUEST,
    "UPGRADE_REQUIRED": HTTPStatus.UPGRADE_REQUIRED,
    ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    "HEADERS_TOO_LARGE": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "INTERNAL_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.QUEUE_ERROR: HTTPStatus.SERVICE_UNAVAILABLE,
    "NOT_READY": HTTPStatus.SERVICE_UNAVAILABLE,
    "TOO_MANY_CONNECTIONS": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Every code that a problem may have, and the status that it comes with: docs/api.md says what each means."""

FOREIGN: Final = "a page of another origin may not do this; use the engine's own page, or no browser"
_HTTP: Final[Mapping[int, tuple[str, str]]] = {
    400: (ErrorCode.VALIDATION_ERROR, "the request is not valid"),
    403: (ErrorCode.FORBIDDEN, FOREIGN),
    404: (ErrorCode.NOT_FOUND, "there is nothing at this path"),
    405: ("METHOD_NOT_ALLOWED", "this path does not take this method; see the Allow header"),
    413: ("BODY_TOO_LARGE", "the body must have at most 16 KB"),
    415: ("UNSUPPORTED_MEDIA_TYPE", "the body must be JSON, sent with Content-Type: application/json"),
    421: ("MISDIRECTED_REQUEST", "the engine does not go by the name in Host; if it should, set BESTFILL_HOSTS"),
    426: ("UPGRADE_REQUIRED", "this path is a WebSocket"),
}
_TITLE: Final[Mapping[int, str]] = {413: "Content Too Large", 414: "URI Too Long"}
"""Where Python's versions differ."""

_STORE_DOWN: Final = (
    "the store does not answer, and whether it did what was asked is not known; "
    "ask again: with the same Idempotency-Key no order is placed twice"
)
_INTERNAL: Final = "something went wrong here; it is in the log"

log = logging.getLogger(__name__)


class NotReady(Exception):
    """What the service needs does not answer; the message says what."""


def to_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a failed request. What an unexpected error says stays in the log."""
    return answer(error, request.scope)


def answer(error: Exception, scope: Any) -> Response[bytes]:
    """Do the same for whoever has no more than the ASGI scope."""
    match error:
        case Invalid():
            return problem(error.code, error.reason, error.errors)
        case ValidationError():
            return answer(Invalid([FieldError(error.field, error.reason)]), scope)
        case Unauthorized():
            return problem(error.code, error.reason, headers={"www-authenticate": "Bearer"})
        case RateLimited():
            return problem(error.code, error.reason, headers={"retry-after": str(error.retry_after_s)})
        case PolicyDenied():
            return problem(error.code, error.reason, rule=error.rule)
        case BestfillError() if error.code in STATUS:
            return _known(error, scope)
        case NotReady():
            return problem("NOT_READY", str(error), headers={"retry-after": "1"})
        case HTTPException() if error.status_code in _HTTP:
            return _http(error)
        case _:
            log.error("request failed", exc_info=error, extra={"method": scope.get("method"), "path": scope["path"]})
            return problem("INTERNAL_ERROR", _INTERNAL)


def problem(
    code: str,
    detail: str,
    errors: "list[FieldError] | tuple[FieldError, ...]" = (),
    headers: Mapping[str, str] | None = None,
    rule: str | None = None,
) -> Response[bytes]:
    """Write a problem."""
    return Response(
        problem_body(code, detail, errors, rule), status_code=STATUS[code], media_type=MEDIA_TYPE, headers=headers
    )


def problem_body(
    code: str,
    detail: str,
    errors: "list[FieldError] | tuple[FieldError, ...]" = (),
    rule: str | None = None,
) -> bytes:
    """Write a problem's body."""
    status = STATUS[code]
    title = _TITLE.get(status) or status.phrase
    told: dict[str, Any] = {"errors": list(errors)} if errors else {}
    if rule is not None:
        told["rule"] = rule
    return encode(Problem(type="about:blank", title=title, status=status, detail=detail, code=str(code), **told))


def _known(error: BestfillError, scope: Any) -> Response[bytes]:
    if STATUS[error.code] is not HTTPStatus.SERVICE_UNAVAILABLE:
        return problem(error.code, error.reason)
    log.error("request failed", extra={"path": scope["path"], "reason": error.reason})
    detail = _STORE_DOWN if isinstance(error, StoreError) else error.reason
    return problem(error.code, detail, headers={"retry-after": "1"})


def _http(error: HTTPException) -> Response[bytes]:
    status, headers = error.status_code, dict(error.headers or {})
    if headers.get("allow") == "websocket":
        status, headers = 426, {"upgrade": "websocket"}
    code, detail = _HTTP[status]
    return problem(code, detail, headers=headers)
