"""Several endpoints as one: each question goes to the next, until one answers it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import httpx

from bestfill.errors import NetworkUnavailable
from bestfill.ports import Clock
from bestfill_adapters.settings import SettingsError
from bestfill_adapters.settings.solana import RPC
from bestfill_adapters.solana.rpc import read
from bestfill_adapters.solana.rpc.endpoint import Endpoint
from bestfill_adapters.solana.rpc.fault import Fault
from bestfill_adapters.solana.rpc.pace import LONGEST_WAIT_MS
from bestfill_adapters.solana.rpc.post import KB

SOON_MS: Final = 250
"""An endpoint that can be asked within this is not passed over for the next."""

T = TypeVar("T")


class Endpoints:
    """Asks the first that is well; if it fails, the next, within `call_s` together.

    Raises:
        SettingsError: there is none, or a URL does not do; which is told by its number alone.
    """

    def __init__(
        self,
        urls: Sequence[str],
        transport: httpx.AsyncBaseTransport,
        clock: Clock,
        *,
        per_s: int,
        try_s: float,
        call_s: float,
    ) -> None:
        if not urls:
            raise SettingsError([f"{RPC}: must be set"])
        self._call_s = call_s
        self._endpoints = [
            _endpoint(f"endpoint {n} of {len(urls)}", url, transport, clock, per_s, try_s)
            for n, url in enumerate(urls, 1)
        ]
        self._chains: dict[int, str] = {}
        """Of each endpoint that was asked: the hash of its chain's first block."""
        self.closed = False

    def __len__(self) -> int:
        return len(self._endpoints)

    def place(self, endpoint: Endpoint) -> int:
        """Give the place of an endpoint, from 0."""
        return self._endpoints.index(endpoint)

    async def first(self, ask: Callable[[Endpoint], Awaitable[T]], begin: int = 0, tries: int | None = None) -> T:
        """Give the first answer that makes sense.

        Args:
            begin: whom to prefer among those that are well, by place.
            tries: how many to ask; None is all.

        Raises:
            NetworkUnavailable: there is none; says what each did instead.
        """
        reasons: list[str] = []
        try:
            async with asyncio.timeout(self._call_s):
                left = [*self._endpoints[begin:], *self._endpoints[:begin]][:tries]
                while left and not self.closed:
                    endpoint = _best(left)
                    left.remove(endpoint)
                    try:
                        return await self._try(endpoint, ask)
                    except Fault as fault:
                        endpoint.failed(fault)
                        reasons.append(f"{endpoint.name} {fault.reason}")
        except TimeoutError:
            reasons.append(f"no other answer within {self._call_s:g} s")
        raise NetworkUnavailable("the connection to Solana was closed" if self.closed else "; ".join(reasons))

    async def _try(self, endpoint: Endpoint, ask: Callable[[Endpoint], Awaitable[T]]) -> T:
        if (wait_ms := endpoint.wait_ms) > LONGEST_WAIT_MS:
            mend = f"{RPC}_PER_S says how often it may be"
            raise Fault(f"can't be asked for another {wait_ms} ms; {mend}", ails=False)
        if len(self) > 1:
            await self._check_chain(endpoint)
        answer = await ask(endpoint)
        endpoint.worked()
        return answer

    async def _check_chain(self, endpoint: Endpoint) -> None:
        """Heed only endpoints of one chain: the height of another would prove swaps dead that can still land."""
        place = self.place(endpoint)
        if place not in self._chains:
            result = await endpoint.ask("getGenesisHash", list, 16 * KB)
            self._chains[place] = read.text58("getGenesisHash", 32, result)
        if self._chains[place] != next(iter(self._chains.values())):
            raise Fault(f"is on another chain than the others; take it out of {RPC}")


def _endpoint(
    name: str, url: str, transport: httpx.AsyncBaseTransport, clock: Clock, per_s: int, try_s: float
) -> Endpoint:
    try:
        return Endpoint(name, url, transport, clock, per_s=per_s, try_s=try_s)
    except (httpx.InvalidURL, ValueError, TypeError):
        pass  # its text may hold the URL
    raise SettingsError([f"{RPC}: {name} must be a URL such as https://host/path"])


def _best(left: list[Endpoint]) -> Endpoint:
    """Choose whom to ask next: the first that is well and can be asked soon; else the soonest of those that are well.

    If none is well, the one whose rest ends first: it may be better already.
    """
    well = [endpoint for endpoint in left if not endpoint.rest_ms]
    soon = next((endpoint for endpoint in well if endpoint.wait_ms <= SOON_MS), None)
    if soon is None and well:
        return min(well, key=lambda endpoint: endpoint.wait_ms)
    return soon or min(left, key=lambda endpoint: endpoint.rest_ms)
