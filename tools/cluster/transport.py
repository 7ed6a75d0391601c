"""The cluster without a socket, for tests and simulation: what httpx sends is answered in this process."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from tools.cluster.cluster import Cluster
from tools.cluster.wire import BUSY, NOT_FOUND, RETRY_AFTER_S, Wire

_JSON = {"content-type": "application/json"}


class ClusterTransport(httpx.AsyncBaseTransport):
    """Answers for `http://cluster/`, `http://cluster/2` and so on, whatever the host.

    Args:
        cluster: who answers.
        sleep: how latency, and the wait for an answer that never comes, pass.
    """

    def __init__(self, cluster: Cluster, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._wire, self._sleep = Wire(cluster), sleep

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, or lose it or its answer."""
        body, fate = await request.aread(), self._wire.draw()
        await self._sleep(fate.latency_s)
        if fate.reaches and fate.busy:
            return httpx.Response(429, headers=_JSON | {"retry-after": RETRY_AFTER_S}, content=BUSY)
        answer = self._wire.answer(request.url.path, body) if fate.reaches else b""
        if not fate.reaches or not fate.answered:
            await self._sleep(request.extensions.get("timeout", {}).get("read") or 0.0)
            raise httpx.ReadTimeout("the answer did not come", request=request)
        if answer is None:
            return httpx.Response(404, content=NOT_FOUND)
        return httpx.Response(200, headers=_JSON, content=answer)
