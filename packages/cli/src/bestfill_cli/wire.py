"""From the client's structs back to the JSON that the engine sends."""

from typing import Any

import msgspec

from bestfill_client import Event


def document(value: Any) -> Any:
    """Give a struct, or several of them, as JSON's own types, in camelCase."""
    return msgspec.to_builtins(value)


def message(event: Event) -> dict[str, Any]:
    """Give an event as it came over the socket."""
    return {"event": "status_update", **msgspec.to_builtins(event)}
