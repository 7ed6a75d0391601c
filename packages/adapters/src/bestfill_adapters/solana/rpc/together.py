"""One request for what many ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from bestfill.errors import NetworkUnavailable

T = TypeVar("T")
Take = Callable[[], list[str]]


class _Batch(Generic[T]):
    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.answer.add_done_callback(lambda done: done.exception())  # those who asked may all have left


class Together(Generic[T]):
    """Puts questions together that are asked while an earlier one still waits to go out.

    Args:
        ask: sends one request. It calls what it is given as the request goes out, and gets the keys to ask for: whoever
            comes later is left to the next request, so that no answer is older than its question. One that never
            calls it is joined until it is answered.
        most: keys in one request.
    """

    def __init__(self, ask: Callable[[Take], Awaitable[T]], most: int) -> None:
        self._ask, self._most = ask, most
        self._open: _Batch[T] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, keys: Sequence[str] = ()) -> T:
        """Give the answer to a request that these keys, at most `most`, are part of.

        Raises:
            NetworkUnavailable: there is none.
        """
        batch = self._open
        if batch is None or len(batch.keys.keys() | set(keys)) > self._most:
            batch = self._open = self._begin()
        batch.keys.update(dict.fromkeys(keys))
        try:
            return await asyncio.shield(batch.answer)
        except NetworkUnavailable as error:
            reason = error.reason
        raise NetworkUnavailable(reason)  # an error each: those who wait are many

    async def close(self) -> None:
        """End what is under way: whoever waits is told so."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _begin(self) -> _Batch[T]:
        batch = _Batch[T]()
        task = asyncio.create_task(self._run(batch))
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, batch))
        return batch

    async def _run(self, batch: _Batch[T]) -> None:
        try:
            batch.answer.set_result(await self._ask(lambda: self._take(batch)))
        except Exception as error:  # noqa: BLE001 - theirs who asked
            batch.answer.set_exception(error)

    def _ended(self, task: asyncio.Task[None], batch: _Batch[T]) -> None:
        self._running.discard(task)
        self._take(batch)
        if not batch.answer.done():  # cancelled, perhaps before it began
            batch.answer.set_exception(NetworkUnavailable("the connection to Solana was closed"))

    def _take(self, batch: _Batch[T]) -> list[str]:
        if self._open is batch:
            self._open = None
        return list(batch.keys)
