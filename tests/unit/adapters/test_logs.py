"""Log lines keep their fields, and nothing about a line can harm the work that it tells of."""

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import structlog

from bestfill_adapters import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    names = ("bestfill", "bestfill_adapters", "bestfill_api")
    before = root.handlers[:], root.level, [logging.getLogger(n).level for n in names]
    flags = logging.logThreads, logging.logProcesses, logging.logMultiprocessing
    yield
    root.handlers[:], level, levels = before
    root.setLevel(level)
    for name, its in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(its)
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing = flags
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_its_fields() -> None:
    out = io.StringIO()
    logs.configure("info", out)
    extra = {"order_id": "o-1", "attempt": 2, "reasons": {"raydium": "pays the most"}}
    logging.getLogger("bestfill.engine.execution").info("order %s", "routed", extra=extra)
    (line,) = lines(out)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {"level": "info", "logger": "bestfill.engine.execution", "event": "order routed", **extra}


@pytest.mark.parametrize(("level", "seen"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_the_level_is_for_our_own_loggers(level: str, seen: int) -> None:
    out = io.StringIO()
    logs.configure(level, out)
    for name in ("bestfill.engine", "bestfill_adapters.sql", "bestfill_api.stream"):
        out.seek(0)
        out.truncate()
        for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger(name).log(number, "x")
        assert len(lines(out)) == seen


def test_libraries_are_heard_from_warnings_on() -> None:
    out = io.StringIO()
    logs.configure("debug", out)
    logging.getLogger("uvicorn.error").info("chatter")
    logging.getLogger("asyncio").warning("slow")
    assert [line["event"] for line in lines(out)] == ["slow"]


def test_an_error_comes_with_its_traceback_on_one_line() -> None:
    out = io.StringIO()
    logs.configure("info", out)
    try:
        raise RuntimeError("boom\nboom")
    except RuntimeError:
        logging.getLogger("bestfill.runner").exception("order put down")
    (line,) = lines(out)
    assert str(line["exception"]).startswith("Traceback")
    assert str(line["exception"]).endswith("RuntimeError: boom\nboom")


def test_a_value_that_is_no_json_is_shown_as_text() -> None:
    out = io.StringIO()
    logs.configure("info", out)
    logging.getLogger("bestfill").info("x", extra={"what": object, "bad": "\ud800"})
    assert len(out.getvalue().splitlines()) <= 1


def test_a_stream_that_is_closed_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    logs.configure("info", out)
    out.close()
    logging.getLogger("bestfill").info("x")
    assert "Logging error" in capsys.readouterr().err


def test_a_pipe_that_nobody_reads_is_told_of_to_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    # stderr of a worker's process is a pipe too: to one that reads it no more either, and would never break.
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    logs.configure("info", Broken())
    logging.getLogger("bestfill").warning("x")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_readable_text_without_local_variables() -> None:
    out = Terminal()
    logs.configure("info", out)
    secret = "hunter2"  # noqa: F841 - must not be shown
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("bestfill").exception("order put down", extra={"order_id": "o-1"})
    text = out.getvalue()
    assert "order put down" in text
    assert "o-1" in text
    assert "RuntimeError: boom" in text
    assert "hunter2" not in text.replace('secret = "hunter2"', "")


def test_structlogs_own_loggers_go_the_same_way() -> None:
    out = io.StringIO()
    logs.configure("info", out)
    structlog.get_logger("bestfill.venues.mine").info("quoted", pool="p")
    (line,) = lines(out)
    assert (line["event"], line["pool"], line["logger"]) == ("quoted", "p", "bestfill.venues.mine")


class Kernel(io.RawIOBase):
    """What a stream on a pipe or file ends in: each write is a call."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.calls.append(bytes(data))
        return len(data)


@pytest.fixture
def kernel() -> Kernel:
    """Give the end of a stream that is like stderr, which writes at each end of a line."""
    made = Kernel()
    logs.configure("info", io.TextIOWrapper(io.BufferedWriter(made), line_buffering=True))
    return made


log = logging.getLogger("bestfill.engine")


async def test_the_lines_of_one_turn_are_one_write_at_its_end(kernel: Kernel) -> None:
    for n in range(3):
        log.info("line %s", n)
    assert kernel.calls == []
    await asyncio.sleep(0)
    assert [call.count(b"\n") for call in kernel.calls] == [3]
    log.info("next")
    await asyncio.sleep(0)
    assert [call.count(b"\n") for call in kernel.calls] == [3, 1]


async def test_a_warning_goes_out_at_once_with_what_waits(kernel: Kernel) -> None:
    log.info("before")
    log.warning("look")
    assert [b"before" in call and b"look" in call for call in kernel.calls] == [True]


async def test_another_threads_line_does_not_wait_for_the_loop(kernel: Kernel) -> None:
    log.info("mine")
    thread = threading.Thread(target=log.info, args=("its",))
    thread.start()
    thread.join()
    assert [b"mine" in call and b"its" in call for call in kernel.calls] == [True]


def test_a_line_from_outside_a_loop_goes_out_at_once_with_what_a_loop_left(kernel: Kernel) -> None:
    async def last_words() -> None:
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
        log.info("last")

    loop = asyncio.new_event_loop()
    with suppress(RuntimeError):
        loop.run_until_complete(last_words())
    loop.close()
    log.info("outside")
    assert b"".join(kernel.calls).count(b"\n") == 2

    async def of_another_loop() -> None:
        log.info("again")

    asyncio.run(of_another_loop())
    assert b"again" in kernel.calls[-1]
