"""Both shells under one blocking face, so that one test tries both."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Self

from bestfill_client import AsyncBestfill, Bestfill, Event

Shell = Callable[..., Bestfill]


class InLoop:
    """AsyncBestfill, driven by an event loop of its own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._client = AsyncBestfill(*args, **options)
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        assert not asyncio.all_tasks(self._loop)
        self._loop.close()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **fields: Any) -> Any:
            made = method(*args, **fields)
            return self._loop.run_until_complete(made) if inspect.isawaitable(made) else self._told(made)

        return call

    def _told(self, stream: AsyncGenerator[Event, None]) -> Generator[Event, None, None]:
        try:
            while True:
                try:
                    told = self._loop.run_until_complete(anext(stream))
                except StopAsyncIteration:
                    return
                yield told
        finally:
            self._loop.run_until_complete(stream.aclose())


SHELLS = [Bestfill, InLoop]
