"""The two modes, wired. Each is imported when asked for: a worker has no use for SQLite, nor `./dev run` for Redis."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bestfill_adapters.container.deployed import Deployed, connected
    from bestfill_adapters.container.embedded import Embedded, start, stop
    from bestfill_adapters.sql.file import DATABASE

__all__ = ["DATABASE", "Deployed", "Embedded", "connected", "start", "stop"]

_DEPLOYED: Final = ("Deployed", "connected")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'deployed' if name in _DEPLOYED else 'embedded'}"), name)
