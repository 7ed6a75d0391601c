"""Asks Solana nodes, of which any may fail, lag, lie about shapes and sizes, or never answer."""

import base64
from collections.abc import Sequence
from typing import Final

import httpx

from bestfill.ports import Clock
from bestfill.quote import Height
from bestfill_adapters.solana.rpc import read
from bestfill_adapters.solana.rpc.answers import (
    Accounts,
    Blockhash,
    Executed,
    Search,
    SignatureStatus,
    Simulation,
    Statuses,
)
from bestfill_adapters.solana.rpc.endpoint import TRY_S, Endpoint
from bestfill_adapters.solana.rpc.endpoints import Endpoints
from bestfill_adapters.solana.rpc.fault import nonsense
from bestfill_adapters.solana.rpc.post import KB
from bestfill_adapters.solana.rpc.together import Take, Together

ACCOUNTS_MAX: Final = 100
STATUSES_MAX: Final = 256
FEE_ADDRESSES_MAX: Final = 128
CALL_S: Final = 2.8
"""How long a call may take, all its tries together: less than the 3 s that the engine gives the network."""

# The blockhash of a processed block may be of a fork that is given up, and a finalized one is some 30 blocks old
# already, of 150: https://solana.com/docs/core/transactions/confirmation. All else that a swap is made from is read
# at the same commitment, so that a slot that one answer gives can be asked for in the next.
_COMMITMENT: Final = "confirmed"
_SENDS_KEPT: Final = 10_000

_Found = tuple[int, dict[str, SignatureStatus | None], int]
"""A slot, statuses as of it, and the place of the endpoint that said so."""


class Rpc:
    """Solana's JSON-RPC on several endpoints, the preferred one first. Their URLs are never shown.

    Every method raises NetworkUnavailable if no endpoint gave an answer that makes sense.

    Args:
        urls: of the endpoints, all of one chain.
        per_s: requests a second to each endpoint, at the most.
        transport: what carries the requests; None goes by the network.
        try_s: how long one endpoint may take.
        call_s: how long all of them together may.

    Raises:
        SettingsError: a URL does not do.
    """

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        per_s: int = 10,
        transport: httpx.AsyncBaseTransport | None = None,
        try_s: float = TRY_S,
        call_s: float = CALL_S,
    ) -> None:
        # Connections are as many as requests under way, which their pace bounds.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=30)
        self._transport = transport or httpx.AsyncHTTPTransport(trust_env=False, limits=limits)
        self._endpoints = Endpoints(urls, self._transport, clock, per_s=per_s, try_s=try_s, call_s=call_s)
        self._statuses = Together(self._ask_statuses, STATUSES_MAX)
        self._height = Together(self._ask_height, 0)
        self._finalized = 0
        self._sent: dict[bytes, int] = {}
        """Of the latest transactions: how often they were sent."""

    async def accounts(self, addresses: Sequence[str], min_slot: int = 0) -> Accounts:
        """Read at most 100 accounts, all as of one slot, which is not before `min_slot`."""
        asked = _at_most(ACCOUNTS_MAX, list(dict.fromkeys(addresses)))

        async def ask(endpoint: Endpoint) -> Accounts:
            config = {"encoding": "base64", **_as_of(min_slot)}
            result = await endpoint.ask("getMultipleAccounts", lambda: [asked, config], 4_096 * KB)
            return read.accounts(result, asked, min_slot)

        return await self._endpoints.first(ask)

    async def blockhash(self, min_slot: int = 0) -> Blockhash:
        """Give the newest blockhash that is confirmed."""

        async def ask(endpoint: Endpoint) -> Blockhash:
            result = await endpoint.ask("getLatestBlockhash", lambda: [_as_of(min_slot)], 16 * KB)
            return read.blockhash(result, min_slot, self._finalized)

        return await self._endpoints.first(ask)

    async def simulate(self, transaction: bytes, min_slot: int = 0) -> Simulation:
        """Run a transaction, whose signatures need not be right, on the newest confirmed block; sends nothing."""
        config = {"encoding": "base64", "sigVerify": False, "replaceRecentBlockhash": False, **_as_of(min_slot)}

        async def ask(endpoint: Endpoint) -> Simulation:
            result = await endpoint.ask("simulateTransaction", lambda: [_text(transaction), config], 1_024 * KB)
            return read.simulation(result, min_slot)

        return await self._endpoints.first(ask)

    async def send(self, transaction: bytes) -> None:
        """Have a signed transaction passed on. Each time the same bytes go to another endpoint first."""
        config = {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}
        signature = transaction[1:65]

        async def ask(endpoint: Endpoint) -> None:
            result = await endpoint.ask("sendTransaction", lambda: [_text(transaction), config], 64 * KB)
            if read.bytes58("sendTransaction", 64, result) != signature:
                raise nonsense("sendTransaction", ": another signature than the transaction's")

        await self._endpoints.first(ask, self._times_sent(signature) % len(self._endpoints))

    async def statuses(self, signatures: Sequence[str]) -> Statuses:
        """Say what a node knows of at most 256 signatures, asked after this call began."""
        asked = _at_most(STATUSES_MAX, list(signatures))
        slot, found, endpoint = await self._statuses.ask(asked)
        return Statuses(slot=slot, statuses=tuple(found[signature] for signature in asked), endpoint=endpoint)

    async def search(self, signature: str, since_height: int | None = None) -> Search:
        """Say what becomes known of one signature by asking one node after another, as far as need be.

        Args:
            since_height: a block height before which it can't have landed. That a node does not know it counts only if
                its history goes back that far. None if that need not be looked at.
        """
        seen = await self.statuses([signature])
        slot, status, place = seen.slot, seen.statuses[0], seen.endpoint
        if status is not None or since_height is None:
            return Search(slot=slot, status=status, complete=True)
        others = [n for n in range(len(self._endpoints)) if n != place]
        while await self.first_block_height(place) > since_height:
            if not others:
                return Search(slot=slot, status=None, complete=False)
            place = others.pop(0)
            slot, found, _ = await self._ask_statuses(lambda: [signature], place, 1)
            if (status := found[signature]) is not None:
                return Search(slot=slot, status=status, complete=True)
        return Search(slot=slot, status=None, complete=True)

    async def height(self) -> Height:
        """Give the finalized block height and its slot.

        It may have been asked for by somebody else, shortly before: as heights only grow, that proves no more.
        """
        return await self._height.ask()

    async def executed(self, signature: str) -> Executed | None:
        """Give a finalized transaction and what it moved; None if the node does not know it."""
        config = {"encoding": "base64", "commitment": "finalized", "maxSupportedTransactionVersion": 0}

        async def ask(endpoint: Endpoint) -> Executed | None:
            result = await endpoint.ask("getTransaction", lambda: [signature, config], 512 * KB)
            return read.executed(result, signature)

        return await self._endpoints.first(ask)

    async def priority_fees(self, addresses: Sequence[str]) -> tuple[int, ...]:
        """Give the least that was paid to write to these (at most 128) accounts in each of the latest blocks.

        In millionths of a lamport a compute unit.
        """
        asked = _at_most(FEE_ADDRESSES_MAX, list(addresses))

        async def ask(endpoint: Endpoint) -> tuple[int, ...]:
            return read.fees(await endpoint.ask("getRecentPrioritizationFees", lambda: [asked], 64 * KB))

        return await self._endpoints.first(ask)

    async def first_block_height(self, endpoint: int | None = None) -> int:
        """Give the height of the first block of a node's history.

        Asked after a status, so that what it did not find cannot have been cut off before.

        Args:
            endpoint: whose, by place; None gives the highest of all, and nothing unless all answer.
        """
        asked = range(len(self._endpoints)) if endpoint is None else [endpoint]
        return max([await self._endpoints.first(_ask_first_block, place, tries=1) for place in asked])

    async def close(self) -> None:
        """End what is under way, and let go of all connections."""
        self._endpoints.closed = True
        await self._statuses.close()
        await self._height.close()
        await self._transport.aclose()

    async def _ask_statuses(self, take: Take, begin: int = 0, tries: int | None = None) -> _Found:
        asked: list[str] = []

        def params() -> list[object]:
            asked[:] = take()
            return [asked, {"searchTransactionHistory": True}]

        async def ask(endpoint: Endpoint) -> _Found:
            result = await endpoint.ask("getSignatureStatuses", params, 512 * KB)
            return *read.statuses(result, asked), self._endpoints.place(endpoint)

        return await self._endpoints.first(ask, begin, tries)

    async def _ask_height(self, _take: Take) -> Height:
        async def ask(endpoint: Endpoint) -> Height:
            result = await endpoint.ask("getEpochInfo", lambda: [{"commitment": "finalized"}], 16 * KB)
            return read.height(result)

        height = await self._endpoints.first(ask)
        self._finalized = height.block_height  # the latest, so that a node's wrong word is soon forgotten
        return height

    def _times_sent(self, signature: bytes) -> int:
        times = self._sent.pop(signature, 0)
        self._sent[signature] = times + 1
        if len(self._sent) > _SENDS_KEPT:
            del self._sent[next(iter(self._sent))]
        return times


async def _ask_first_block(endpoint: Endpoint) -> int:
    first = read.slot("getFirstAvailableBlock", await endpoint.ask("getFirstAvailableBlock", list, 16 * KB))
    config = {
        "commitment": "finalized",
        "transactionDetails": "none",
        "rewards": False,
        "maxSupportedTransactionVersion": 0,
    }
    return read.block_height(await endpoint.ask("getBlock", lambda: [first, config], 64 * KB))


def _as_of(min_slot: int) -> dict[str, object]:
    return {"commitment": _COMMITMENT, **({"minContextSlot": min_slot} if min_slot else {})}


def _text(transaction: bytes) -> str:
    return base64.b64encode(transaction).decode()


def _at_most(most: int, asked: list[str]) -> list[str]:
    if not 0 < len(asked) <= most:
        raise ValueError(f"from 1 to {most} can be asked for at once, not {len(asked)}")
    return asked
