"""Keeps pages of other origins out: browsers let any page send such requests for its visitor, and say which did."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.exceptions import PermissionDeniedException

from bestfill_api.wire import header_values


def foreign(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Say whether a page of another origin sent this: its `Origin` names another host than was asked.

    Programs send no `Origin`. A proxy may leave the port out of `Host`; then hosts alone are compared.
    """
    origins, hosts = header_values(headers, b"origin"), header_values(headers, b"host")
    return bool(origins) and (len(origins) > 1 or len(hosts) != 1 or not _same(origins[0], hosts[0]))


async def refuse_foreign(request: Request[Any, Any, Any]) -> None:
    """Refuse what changes something, if a page of another origin sent it; what is only read, browsers keep from it.

    Raises:
        PermissionDeniedException: it did.
    """
    if request.method == "POST" and foreign(request.scope["headers"]):
        raise PermissionDeniedException


def _same(origin: bytes, host: bytes) -> bool:
    try:
        asker, asked = urlsplit(origin.decode("ascii")), urlsplit(f"//{host.decode('ascii')}")
        default = {"http": 80, "https": 443}.get(asker.scheme)
        port = asker.port or default
        named = default is not None and asker.hostname is not None
        return named and asker.hostname == asked.hostname and asked.port in (None, port)
    except ValueError:
        return False
