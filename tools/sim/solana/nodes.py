"""The way from a process to the cluster's nodes: what httpx sends is answered in this process, or is lost."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from bestfill.errors import NetworkUnavailable
from tools.cluster.cluster import Cluster
from tools.cluster.wire import BUSY, RETRY_AFTER_S
from tools.cluster.wire import Wire as Door
from tools.sim.fate import Fate
from tools.sim.process import Process
from tools.sim.wire import Wire

NODES: Final = 3

DEADLY: Final[Mapping[str, float]] = {
    "sendTransaction": 2.0,
    "simulateTransaction": 4.0,
    "getMultipleAccounts": 2.0,
    "getLatestBlockhash": 4.0,
    "getRecentPrioritizationFees": 4.0,
    "getTransaction": 12.0,
    "getSignatureStatuses and getBlocks": 12.0,
    "getBlock": 12.0,
}
"""What is asked seldom is deadlier, so that it is cut short often enough."""

_JSON: Final = {"content-type": "application/json"}


class _Asked(msgspec.Struct):
    method: str


_asked: Final = msgspec.json.Decoder(_Asked | list[_Asked]).decode


class NodeTransport(httpx.AsyncBaseTransport):
    """One process's connections to the nodes at `http://cluster/1` and so on, of which each may be away.

    Args:
        fate: of the seed.
        process: whose connections they are.
        cluster: whose nodes.
        sends: counts what is sent, by the node that takes it.
        balanced: behind every URL there is one node for this call, and another for the next.
    """

    def __init__(self, fate: Fate, process: Process, cluster: Cluster, sends: Counter[str], *, balanced: bool) -> None:
        self._fate, self._door, self._sends, self._balanced = fate, Door(cluster), sends, balanced
        self._wire = Wire(fate, process, "node", NetworkUnavailable)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Have the node answer, unless the call, the answer or the caller is lost."""
        body = await request.aread()
        path = f"/{1 + self._fate.random.randrange(NODES)}" if self._balanced else request.url.path
        asked = _asked(body)
        method = asked.method if isinstance(asked, _Asked) else " and ".join(one.method for one in asked)
        return await self._wire.ask(method, lambda: self._answer(path, method, body), DEADLY.get(method, 0.5))

    def _answer(self, path: str, method: str, body: bytes) -> httpx.Response:
        fate = self._fate
        if f"node {path}" in fate.away:
            raise NetworkUnavailable("the node is away")
        if fate.strikes("node is busy"):
            return httpx.Response(429, headers=_JSON | {"retry-after": RETRY_AFTER_S}, content=BUSY)
        answer = self._door.answer(path, body) or b""
        self._sends[path] += method == "sendTransaction"
        if fate.strikes("node answers garbage"):
            answer = fate.random.choice((b"<html>bad gateway</html>", answer[: len(answer) // 2], b"[]", b""))
        return httpx.Response(200, headers=_JSON, content=answer)
