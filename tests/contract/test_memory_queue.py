"""The in-process queue keeps the contract of a queue."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from bestfill.testing.contracts import queue as contract
from bestfill.units import OrderId
from bestfill_adapters.memory import MemoryQueue


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
async def test_contract(check: Callable[[contract.Subject], Awaitable[None]]):
    inbox: asyncio.Queue[Sequence[OrderId]] = asyncio.Queue()
    queue = MemoryQueue()
    queue.consume(inbox.put_nowait)

    async def receive() -> list[OrderId]:
        return list(await inbox.get())

    await check(contract.Subject(queue, receive))
    queue.close()
