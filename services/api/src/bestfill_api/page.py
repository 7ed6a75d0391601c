"""The page for people: its files, served from memory as they are in the package."""

from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any, Final

from attrs import field, frozen
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from bestfill_api.edge.guard import OPEN
from bestfill_api.wire import header_values

_TYPES: Final = {  # of texts, Litestar names the encoding too
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = {
    "cache-control": "no-cache",  # asked again each time, and answered in a line if it is still the same
    "content-security-policy": _CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
}


FileName = Annotated[str, PathParameter(name="name")]


@frozen
class Asset:
    """A file of the page."""

    media_type: str
    body: bytes = field(repr=False)
    etag: str


def load() -> dict[str, Asset]:
    """Read the page's files, by name."""
    found: dict[str, Asset] = {}
    for file in files("bestfill_api").joinpath("web").iterdir():
        if media_type := _TYPES.get(file.name.rpartition(".")[2]):
            body = file.read_bytes()
            found[file.name] = Asset(media_type, body, f'"{sha256(body).hexdigest()[:32]}"')
    return found


def page_routes() -> list[HTTPRouteHandler]:
    """Make the handlers."""
    assets = load()

    @get("/", opt=OPEN, include_in_schema=False)
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _answer(request, assets["index.html"])

    @get("/web/{name:str}", opt=OPEN, include_in_schema=False)
    async def page_file(request: Request[Any, Any, Any], name: FileName) -> Response[bytes]:
        if (asset := assets.get(name)) is None:
            raise NotFoundException
        return _answer(request, asset)

    return [page, page_file]


def _answer(request: Request[Any, Any, Any], asset: Asset) -> Response[bytes]:
    headers = {**_HEADERS, "etag": asset.etag}
    if asset.etag.encode() in header_values(request.scope["headers"], b"if-none-match"):
        return Response(b"", status_code=304, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)
