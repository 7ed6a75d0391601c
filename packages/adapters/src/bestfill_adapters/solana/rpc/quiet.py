"""Silence of the libraries that log where requests go: a URL may hold an API key, and so may a host's name."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

LOGGERS: Final = (
    "asyncio",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "httpx",
)
"""Whoever else uses these libraries in this process is logged as ever."""

_asking: ContextVar[bool] = ContextVar("asking", default=False)


@contextmanager
def unheard() -> Iterator[None]:
    """Have what goes on in this task not logged below warnings, whatever level is set."""
    token = _asking.set(True)
    try:
        yield
    finally:
        _asking.reset(token)


def _may_be_heard(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or not _asking.get()


for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_may_be_heard)
