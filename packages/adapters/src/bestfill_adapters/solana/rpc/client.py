"""Asks Solana nodes, of which any may fail, lag, lie about shapes and sizes, or never answer."""

import base64
from collections.abc import Sequence
from typing import Final

import httpx
from attrs import evolve

from bestfill.errors import NetworkUnavailable
from bestfill.ports import Clock
from bestfill.quote import Height
from bestfill_adapters.solana.rpc import read
from bestfill_adapters.solana.rpc.answers import (
    Accounts,
    Blockhash,
    Blocks,
    Executed,
    Search,
    SignatureStatus,
    Simulation,
    Statuses,
)
from bestfill_adapters.solana.rpc.endpoint import TRY_S, Endpoint
from bestfill_adapters.solana.rpc.endpoints import Endpoints
from bestfill_adapters.solana.rpc.fault import Fault, nonsense
from bestfill_adapters.solana.rpc.post import KB
from bestfill_adapters.solana.rpc.together import Take, Together

ACCOUNTS_MAX: Final = 100
STATUSES_MAX: Final = 256
FEE_ADDRESSES_MAX: Final = 128
CALL_S: Final = 4.8
"""How long a call may take, its wait and all its tries together: less than the 5 s that a venue has for a quote."""

# The blockhash of a processed block may be of a fork that is given up, and a finalized one is some 30 blocks old
# already, of 150: https://solana.com/docs/core/transactions/confirmation. All else that a swap is made from is read
# at the same commitment, so that a slot that one answer gives can be asked for in the next.
_COMMITMENT: Final = "confirmed"
_SOME_SLOTS: Final = 64
_MOST_SLOTS: Final = 100_000
"""Half a day of blocks, of which a node tells in a megabyte."""
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
        self._accounts = Together(self._ask_accounts, ACCOUNTS_MAX)
        self._blockhash = Together(self._ask_blockhash, 0)
        self._statuses = Together(self._ask_statuses, STATUSES_MAX)
        self._height = Together(self._ask_height, 0)
        self._finalized = 0
        self._sent: dict[bytes, int] = {}
        """Of the latest transactions: how often they were sent."""

    async def accounts(self, addresses: Sequence[str], min_slot: int = 0) -> Accounts:
        """Read at most 100 accounts, all as of one slot, which is not before `min_slot`."""
        asked = _at_most(ACCOUNTS_MAX, list(dict.fromkeys(addresses)))

        # As of any slot: what waits for its turn is read together, whoever wants it.
        found = await (self._ask_accounts(lambda: asked, min_slot) if min_slot else self._accounts.ask(asked))
        return evolve(found, accounts={address: found.accounts[address] for address in asked})

    async def blockhash(self, min_slot: int = 0) -> Blockhash:
        """Give the newest blockhash that is confirmed."""
        return await (self._ask_blockhash(list, min_slot) if min_slot else self._blockhash.ask())

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

    async def search(self, signature: str, within: Blocks | None = None) -> Search:
        """Say what becomes known of one signature by asking one node after another.

        Args:
            within: all blocks in which it can be, and those up to a finalized one. That a node does not know it counts
                only if the node has every one of them. None if that need not be looked at.

        Raises:
            NetworkUnavailable: a node that might know it did not answer, and no other is a witness that it is nowhere.
        """
        seen = await self.statuses([signature])
        if seen.statuses[0] is not None or within is None:
            return Search(slot=seen.slot, status=seen.statuses[0], complete=True)
        nowhere: Search | None = None
        failure: NetworkUnavailable | None = None
        places = sorted(range(len(self._endpoints)), key=lambda place: place != seen.endpoint)
        for place in places:  # all of them: one may know what another has lost
            try:
                found = await self._found(signature, within, place)
            except NetworkUnavailable as error:
                failure = error
                continue
            if found.status is not None:
                return found
            nowhere = nowhere or (found if found.complete else None)
        if nowhere is None and failure is not None:
            raise failure
        return nowhere or Search(slot=seen.slot, status=None, complete=False)

    async def height(self) -> Height:
        """Give the finalized block height and its slot.

        It may have been asked for by somebody else, shortly before: as heights only grow, that proves no more.
        """
        return await self._height.ask()

    async def executed(self, signature: str) -> Executed | None:
        """Give a finalized transaction and what it moved; None if no node knows it, of those that answer."""
        config = {"encoding": "base64", "commitment": "finalized", "maxSupportedTransactionVersion": 0}
        unknown = False

        async def ask(endpoint: Endpoint) -> Executed:
            nonlocal unknown
            result = await endpoint.ask("getTransaction", lambda: [signature, config], 512 * KB)
            if (found := read.executed(result, signature)) is None:
                unknown = True
                raise Fault("does not know the transaction", ails=False)
            return found

        try:
            return await self._endpoints.first(ask)
        except NetworkUnavailable:
            if unknown:
                return None
            raise

    async def priority_fees(self, addresses: Sequence[str]) -> tuple[int, ...]:
        """Give the least that was paid to write to these (at most 128) accounts in each of the latest blocks.

        In millionths of a lamport a compute unit.
        """
        asked = _at_most(FEE_ADDRESSES_MAX, list(addresses))

        async def ask(endpoint: Endpoint) -> tuple[int, ...]:
            return read.fees(await endpoint.ask("getRecentPrioritizationFees", lambda: [asked], 64 * KB))

        return await self._endpoints.first(ask)

    async def close(self) -> None:
        """End what is under way, and let go of all connections."""
        self._endpoints.closed = True
        await self._accounts.close()
        await self._blockhash.close()
        await self._statuses.close()
        await self._height.close()
        await self._transport.aclose()

    async def _ask_accounts(self, take: Take, min_slot: int = 0) -> Accounts:
        asked: list[str] = []

        def params() -> list[object]:
            asked[:] = take()
            return [asked, {"encoding": "base64", **_as_of(min_slot)}]

        async def ask(endpoint: Endpoint) -> Accounts:
            result = await endpoint.ask("getMultipleAccounts", params, 4_096 * KB)
            return read.accounts(result, asked, min_slot)

        return await self._endpoints.first(ask)

    async def _ask_blockhash(self, take: Take, min_slot: int = 0) -> Blockhash:
        def params() -> list[object]:
            take()
            return [_as_of(min_slot)]

        async def ask(endpoint: Endpoint) -> Blockhash:
            result = await endpoint.ask("getLatestBlockhash", params, 16 * KB)
            return read.blockhash(result, min_slot, self._finalized)

        return await self._endpoints.first(ask)

    async def _ask_statuses(self, take: Take, begin: int = 0, tries: int | None = None) -> _Found:
        asked: list[str] = []

        def params() -> list[object]:
            asked[:] = take()
            return [asked, {"searchTransactionHistory": True}]

        async def ask(endpoint: Endpoint) -> _Found:
            result = await endpoint.ask("getSignatureStatuses", params, 512 * KB)
            return *read.statuses(result, asked), self._endpoints.place(endpoint)

        return await self._endpoints.first(ask, begin, tries)

    async def _found(self, signature: str, within: Blocks, place: int) -> Search:
        """Say what a node knows of a signature, and whether it has all of these blocks."""
        slot, status, slots = await self._known(signature, within, place)
        if status is not None:
            return Search(slot=slot, status=status, complete=True)
        # As many blocks as there are heights from here to the last: none is missing, if this one is the first.
        count = within.last.block_height - within.first_height + 1
        whole = len(slots) >= count and await self._block_height(slots[-count], place) == within.first_height
        return Search(slot=slot, status=None, complete=whole)

    async def _known(
        self, signature: str, within: Blocks, place: int
    ) -> tuple[int, SignatureStatus | None, tuple[int, ...]]:
        """Give a slot, what a node knows of a signature as of it, and the slots of which that node has blocks.

        In one request: behind one URL there may be many nodes, and what one does not know, another's blocks say
        nothing of. A node's first block says too little: one that was away may have a hole in its history.
        """
        last, heights = within.last.slot, within.last.block_height - within.first_height
        # Slots without a block are few; more than every other one is as if the history were cut.
        first = max(0, last - min(2 * heights + _SOME_SLOTS, _MOST_SLOTS))
        asked: dict[str, list[object]] = {
            "getSignatureStatuses": [[signature], {"searchTransactionHistory": True}],
            "getBlocks": [first, last, {"commitment": "finalized"}],
        }

        async def ask(endpoint: Endpoint) -> tuple[int, SignatureStatus | None, tuple[int, ...]]:
            statuses, blocks = await endpoint.ask_at_once(asked, 2_048 * KB)
            slot, found = read.statuses(statuses, [signature])
            slots = read.slots(blocks, first, last)
            if found[signature] is None and (not slots or slots[-1] != last):
                raise Fault("is behind the finalized slot that was heard of", ails=False)
            return slot, found[signature], slots

        return await self._endpoints.first(ask, place, tries=1)

    async def _block_height(self, slot: int, begin: int) -> int:
        """Give the height of a finalized slot's block, whichever node has it."""
        config = {
            "commitment": "finalized",
            "transactionDetails": "none",
            "rewards": False,
            "maxSupportedTransactionVersion": 0,
        }

        async def ask(endpoint: Endpoint) -> int:
            return read.block_height(await endpoint.ask("getBlock", lambda: [slot, config], 64 * KB))

        return await self._endpoints.first(ask, begin)

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


def _as_of(min_slot: int) -> dict[str, object]:
    return {"commitment": _COMMITMENT, **({"minContextSlot": min_slot} if min_slot else {})}


def _text(transaction: bytes) -> str:
    return base64.b64encode(transaction).decode()


def _at_most(most: int, asked: list[str]) -> list[str]:
    if not 0 < len(asked) <= most:
        raise ValueError(f"from 1 to {most} can be asked for at once, not {len(asked)}")
    return asked
