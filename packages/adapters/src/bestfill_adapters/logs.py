"""Logs: whatever goes through the standard library's loggers, extra fields included, rendered by structlog.

JSON by line, or readable text if they go to a terminal.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from itertools import islice
from typing import Any, Final, Protocol, TextIO

import msgspec
import structlog

from bestfill.units import Millis, iso

REQUEST: Final[ContextVar["Request | None"]] = ContextVar("request", default=None)
"""The request that is being served, in whose context a line is told."""

_LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_FIELDS: Final = len(vars(logging.makeLogRecord({})))
"""How many fields a record has by itself; what a caller adds comes after them."""
_NOT_ADDED: Final = ("message", "asctime", "color_message")


class Request(Protocol):
    """What a request is called in the lines that tell of it; nothing once it is over."""

    id: str


Render = Callable[[Any, str, dict[str, Any]], str]


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send all logs to `stream` (stderr if None): bestfill's from `level` on, those of libraries from warnings on."""
    out = stream or sys.stderr
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(_Structured(out, console if out.isatty() else as_json))
    root.setLevel(logging.WARNING)
    for name in ("bestfill", "bestfill_adapters", "bestfill_api", "bestfill_worker"):
        logging.getLogger(name).setLevel(_LEVELS[level])
    # Nobody looks at these, and finding them out costs as much as the line itself.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # pyright: ignore[reportAttributeAccessIssue] - the documented way to skip the caller's line
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def as_json(_logger: object, _name: str, event: dict[str, Any]) -> str:
    """Render a line as JSON: a structlog processor."""
    if exc_info := event.pop("exc_info", None):
        event["exception"] = logging.Formatter().formatException(exc_info)
    return _encode(event).decode()


class _Structured(logging.Handler):
    """Writes lines; those of one turn of an event loop together, since each write is a call to the kernel.

    Warnings and worse, and what is told outside of a loop, are written at once, with all that waits.
    """

    def __init__(self, stream: TextIO, render: Render) -> None:
        super().__init__()
        self._stream, self._render = stream, render
        self._lines: list[str] = []
        self._due: asyncio.AbstractEventLoop | None = None
        """The loop at whose next turn they will be written."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(f"{self._render(None, record.levelname, _event(record))}\n")
            if record.levelno >= logging.WARNING or not self._later():
                self.flush()
        except OSError:
            pass  # nobody reads any more; to say so at each line would fill a worker's stderr, and then block it
        except Exception:  # noqa: BLE001 - whatever is wrong with a line must not harm the work that it tells of
            self.handleError(record)

    def _later(self) -> bool:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._due is not loop:
            self._due = loop
            loop.call_soon(self._turn_ended)
        return True

    def _turn_ended(self) -> None:
        with suppress(OSError, ValueError):  # nobody reads any more
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self.acquire()
        try:
            lines, self._lines, self._due = self._lines, [], None
            self._stream.write("".join(lines))
            self._stream.flush()
        finally:
            self.release()


def _event(record: logging.LogRecord) -> dict[str, Any]:
    event: dict[str, Any] = {
        "timestamp": iso(Millis(int(record.created * 1000))),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": record.getMessage(),
    }
    event.update(islice(vars(record).items(), _FIELDS, None))
    if (request := REQUEST.get()) is not None and request.id:
        event["request_id"] = request.id
    for name in _NOT_ADDED:
        event.pop(name, None)
    if record.exc_info:
        event["exc_info"] = record.exc_info
    return event


_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
