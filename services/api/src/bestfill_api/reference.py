"""The OpenAPI document as one page of HTML, made here: no script, and nothing from elsewhere."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any, Final

from litestar import Request
from litestar.enums import MediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
h1 { margin-bottom: 0 } h2 { margin-top: 2.5rem; font-size: 1.1rem }
code, pre { font: 13px/1.45 ui-monospace, monospace; background: #f3f4f6; border-radius: 4px }
code { padding: .1rem .3rem } pre { padding: .8rem; overflow: auto }
b { display: inline-block; min-width: 3.5rem } table { border-collapse: collapse } td { padding: .2rem .8rem .2rem 0 }
"""
_STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
CONTENT_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Once(OpenAPIRenderPlugin):
    """Writes the document as another does, but once: anybody may ask for it, and YAML takes long."""

    def __init__(self, writer: OpenAPIRenderPlugin) -> None:
        super().__init__(path=writer.paths, media_type=writer.media_type)
        self._writer, self._written = writer, b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Give what was written."""
        self._written = self._written or self._writer.render(request, openapi_schema)
        return self._written


class ReferencePage(OpenAPIRenderPlugin):
    """Serves the page at the root of the schema's path."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Write the page."""
        return "\n".join(_page(openapi_schema)).encode()


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    yield f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{escape(info.get('description', ''))}</p>"
    yield '<p>The same as <a href="/schema/openapi.json">JSON</a> and <a href="/schema/openapi.yaml">YAML</a>;'
    yield 'the WebSockets as <a href="/schema/asyncapi.json">AsyncAPI</a>.</p>'
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"<h2><b>{escape(method.upper())}</b> <code>{escape(path)}</code></h2>"
            yield from _operation(operation)
    yield "<h2>Schemas</h2>"
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        yield f'<details id="{escape(name)}"><summary>{escape(name)}</summary>{_json(schema)}</details>'
    yield "</body></html>"


def _operation(operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p>{escape(operation.get('description', ''))}</p><table>"
    for parameter in operation.get("parameters", ()):
        yield _row(f"{parameter['in']} <code>{escape(parameter['name'])}</code>", _json(parameter["schema"]))
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield _row("body", f"<details><summary>schema</summary>{_json(content['schema'])}</details>")
    for status, response in operation["responses"].items():
        names = [_link(content["schema"]) for content in response.get("content", {}).values()]
        yield _row(escape(status), f"{escape(response['description'])} {' '.join(names)}")
    yield "</table>"


def _row(name: str, what: str) -> str:
    return f"<tr><td>{name}</td><td>{what}</td></tr>"


def _link(schema: Mapping[str, Any]) -> str:
    name = escape(str(schema.get("$ref", "")).rpartition("/")[2])
    return f'<a href="#{name}">{name}</a>' if name else ""


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, default=str))}</pre>"
