"""The proof of death, each time with another part taken out: what the simulator must then notice."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from bestfill import decide
from bestfill.quote import Height, SignedSwap, SwapOutcome, SwapStatus
from bestfill_adapters.solana.rpc import Rpc
from bestfill_adapters.solana.rpc.answers import Blocks, Search
from tools.sim.breaks import BREAKS as OF_THE_ENGINE
from tools.sim.breaks import Break


def _past_its_last_block(signed: SignedSwap, height: Height, status: SwapStatus) -> bool:
    return height.block_height > signed.last_valid_block_height and status.outcome is SwapOutcome.NOT_FOUND


def _no_history_needed() -> object:
    search = Rpc.search

    async def careless(self: Rpc, signature: str, _within: Blocks | None = None) -> Search:
        return await search(self, signature)

    return careless


@contextmanager
def _no_proof_of_death() -> Iterator[None]:
    # Either alone would do: a node that lags behind the height has not all blocks up to it.
    with (
        patch.object(decide, "proven_dead", _past_its_last_block),
        patch.object(Rpc, "search", _no_history_needed()),
    ):
        yield


BREAKS: Final[Mapping[str, Break]] = {
    "resign-on-timeout": OF_THE_ENGINE["resign-on-timeout"],
    "status-before-height": OF_THE_ENGINE["status-before-height"],
    "no-proof-of-death": Break(
        means="a swap is taken for dead if its last block has passed, and some node does not know it",
        patched=_no_proof_of_death,
    ),
    "no-history-check": Break(
        means="a swap is taken for dead by a node that has forgotten the blocks in which it may be",
        patched=lambda: patch.object(Rpc, "search", _no_history_needed()),
    ),
}
