"""Server processes to measure."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

Program = asyncio.subprocess.Process


@asynccontextmanager
async def running(module: str, **environ: str) -> AsyncIterator[Program]:
    """Run `python -m MODULE` while the context lasts; it has a group of its own, so that Ctrl-C is for us alone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        env={**os.environ, "LOG_LEVEL": "info", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


@asynccontextmanager
async def server(module: str = "bestfill_api", **environ: str) -> AsyncIterator[str]:
    """Run an HTTP server on a free port and an empty folder; give its address."""
    with tempfile.TemporaryDirectory() as folder:
        port = str(_free_port())
        async with running(module, **{"PORT": port, "BESTFILL_DATA_DIR": folder, **environ}) as process:
            yield await _ready(f"http://127.0.0.1:{port}", process)


@asynccontextmanager
async def worker(**environ: str) -> AsyncIterator[int]:
    """Run a worker; give the process that has the orders in hand."""
    async with running("bestfill_worker", **environ) as process:
        assert process.stdout is not None
        told = (await process.stdout.readline()).decode()
        if "ready" not in told:
            raise SystemExit("the worker did not start")
        yield int(told.rstrip(")\n").rpartition(" ")[2])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def _ready(url: str, process: Program) -> str:
    async with aiohttp.ClientSession() as http:
        for _ in range(600):
            if process.returncode is not None:
                raise SystemExit(f"the server ended with {process.returncode}")
            try:
                async with http.get(f"{url}/health/live") as answer:
                    if answer.status == 200:
                        return url
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)
    raise SystemExit("the server did not become ready")
