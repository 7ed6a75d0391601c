"""What befalls a call on its way to a node and back, by the chain's rules and seed."""

from random import Random
from typing import Final

from attrs import frozen

from tools.cluster.cluster import Cluster


@frozen
class Fate:
    """What befalls one call: `reaches` the node, is `answered`, or refused since the node is `busy`."""

    latency_s: float = 0.0
    reaches: bool = True
    answered: bool = True
    busy: bool = False


class Wire:
    """The way to a cluster's nodes. URLs name a node by their path: `/` or `/1` is the first, `/2` the second."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._random = Random(f"{cluster.chain.seed} wire")

    def draw(self) -> Fate:
        """Draw what befalls the next call."""
        rules, chance = self.cluster.chain.rules, self._random
        # Always as many draws, so that calm and storm do not shift what follows.
        lost, late, busy, latency = (chance.random() for _ in range(4))
        least, most = rules.latency_ms
        return Fate(
            latency_s=(least + (most - least) * latency) / 1000,
            reaches=lost >= rules.lost_requests,
            answered=late >= rules.lost_replies,
            busy=busy < rules.busy,
        )

    def answer(self, path: str, body: bytes) -> bytes | None:
        """Have the node that a path names answer; None if there is no such node."""
        name = path.strip("/") or "1"
        rpcs = self.cluster.rpcs
        if not name.isascii() or not name.isdigit() or not 1 <= int(name[:9]) <= len(rpcs):
            return None
        return rpcs[int(name) - 1].answer(body)


NOT_FOUND: Final = b"there is no such node\n"
BUSY: Final = b'{"jsonrpc":"2.0","error":{"code":429,"message":"Too many requests"},"id":null}'
RETRY_AFTER_S: Final = "1"
