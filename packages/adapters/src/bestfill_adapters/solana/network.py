"""The Network port on Solana: builds, checks, simulates and signs swaps, sends them, and says what became of them."""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Final

from bestfill.errors import ExecutionError, NetworkUnavailable, SlippageExceeded
from bestfill.ports import Network
from bestfill.quote import Height, SignedSwap, SwapOutcome, SwapPlan, SwapStatus
from bestfill_adapters.solana.checking import check
from bestfill_adapters.solana.fees import UNITS_MAX, FeePolicy, compute_limit, fee_lamports
from bestfill_adapters.solana.fills import fill_of
from bestfill_adapters.solana.frame import build, token_accounts
from bestfill_adapters.solana.funds import holdings
from bestfill_adapters.solana.heights import Heights, of_one_chain
from bestfill_adapters.solana.legs import decode_leg
from bestfill_adapters.solana.market import Market
from bestfill_adapters.solana.rpc import Rpc
from bestfill_adapters.solana.rpc.answers import Blockhash, Blocks
from bestfill_adapters.solana.rpc.read import WINDOW
from bestfill_adapters.solana.signer import Signer
from bestfill_adapters.solana.transaction import assemble, read_message, signature_of, unsigned

FORGOTTEN_MEANWHILE: Final = 10
"""So many blocks of its history a node may lose between two answers in one request."""

_ANCHOR_ERROR: Final = re.compile(r"Error Code: (\w{1,64})\.")
_SLIPPAGE: Final = re.compile("slippage|minimum|TooLittleOutput", re.IGNORECASE)

log = logging.getLogger(__name__)


class DryRun(ExecutionError):
    """The swap would go well; nothing was signed, as was asked for."""

    retryable = False


class SolanaNetwork(Network):
    """One wallet's door to the chain. Any number of processes may have one each.

    Args:
        signer: the wallet; None in a process that never signs.
        markets: by name; all that a stored swap may have been made for, whether in use or not.
        dry_run: stop after the simulation.
    """

    def __init__(
        self, rpc: Rpc, signer: Signer | None, markets: Mapping[str, Market], fees: FeePolicy, *, dry_run: bool = False
    ) -> None:
        self._rpc, self._signer, self._markets, self._fees, self._dry_run = rpc, signer, markets, fees, dry_run
        self._heights = Heights()

    async def sign(self, plan: SwapPlan) -> SignedSwap:
        """Make the plan's transaction, have it simulated, hold it against the plan, and sign it; sends nothing.

        Raises:
            ExecutionError: it can't be built, would fail, or does anything else than the plan.
            DryRun: all is well, and this is a dry run.
            NetworkUnavailable: the chain cannot be asked now.
        """
        signer = self._signer
        if signer is None:
            raise ExecutionError("this process has no key to sign with")
        source, destination = token_accounts(plan, signer.address)
        pools = [decode_leg(leg.payload).pool for leg in plan.route]
        read, recent, dated, final = await asyncio.gather(
            self._rpc.accounts((signer.address, source, destination)),
            self._rpc.priority_fees(pools),
            self._rpc.blockhash(),
            self.height(),
        )
        _check_date(dated, final)
        existing = holdings(plan, signer.address, source, destination, read)

        def message(limit: int) -> bytes:
            return build(
                plan,
                wallet=signer.address,
                markets=self._markets,
                existing=existing,
                blockhash=dated.blockhash,
                compute_limit=limit,
                compute_price=self._fees.price(recent, limit),
            )

        limit = compute_limit(await self._simulated(message(UNITS_MAX), dated))
        return await self._signed(message(limit), plan, signer, dated)

    async def send(self, swap: SignedSwap) -> None:
        """Have some node pass the swap's bytes on, as they are."""
        await self._rpc.send(swap.transaction)

    async def height(self) -> Height:
        """Give the finalized block height and its slot."""
        return self._heights.hear(await self._rpc.height())

    async def status(self, swap: SignedSwap) -> SwapStatus:
        """Say what nodes know of the swap, its fill with it once it has landed for good.

        Past its last valid block, that nodes do not know it counts only if one of them has every block in which it
        could be, and all since; if none has, nobody can tell.
        """
        found = await self._rpc.search(swap.signature, self._blocks_of(swap))
        if found.status is None:
            outcome = SwapOutcome.NOT_FOUND if found.complete else SwapOutcome.UNKNOWN
            return SwapStatus(outcome=outcome, slot=found.slot)
        if not found.status.finalized:
            return SwapStatus(outcome=SwapOutcome.SEEN, slot=found.slot)
        # A status does not say whose it is, and a failed swap is tried anew: the transaction itself has to confirm it.
        executed = await self._rpc.executed(swap.signature)
        if executed is None:
            raise NetworkUnavailable("the swap has landed, but no node tells yet what it moved")
        if found.status.error is not None:
            if executed.transaction != swap.transaction or executed.error is None:
                raise NetworkUnavailable("the node says both that the swap failed and that it did not")
            return SwapStatus(outcome=SwapOutcome.REVERTED, slot=found.slot, reason=found.status.error)
        fill = fill_of(executed, swap.transaction, self._markets.values())
        return SwapStatus(outcome=SwapOutcome.LANDED, slot=found.slot, fill=fill)

    def _blocks_of(self, swap: SignedSwap) -> Blocks | None:
        """Give all blocks in which a swap can be, and those since; None while more may come."""
        last_valid, final = swap.last_valid_block_height, self._heights.latest
        if final is None or self._heights.highest <= last_valid:
            return None
        if final.block_height <= last_valid:
            raise NetworkUnavailable("the node that told the height is behind another")
        return Blocks(first_height=max(0, last_valid - WINDOW - FORGOTTEN_MEANWHILE), last=final)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._rpc.close()

    async def _simulated(self, message: bytes, dated: Blockhash) -> int:
        """Give the compute units that the transaction takes, if it would succeed."""
        simulation = await self._rpc.simulate(unsigned(message), dated.slot)
        if simulation.error is None:
            return simulation.units
        name = next((found[1] for line in simulation.logs if (found := _ANCHOR_ERROR.search(line))), "")
        reason = f"the swap would fail: {name or simulation.error}"
        raise SlippageExceeded(reason) if _SLIPPAGE.search(name) else ExecutionError(reason)

    async def _signed(self, message: bytes, plan: SwapPlan, signer: Signer, dated: Blockhash) -> SignedSwap:
        cosigners = self._cosigners(plan)
        check(
            message,
            plan,
            wallet=signer.address,
            markets=self._markets,
            cosigners=cosigners,
            blockhash=dated.blockhash,
            max_priority_fee=self._fees.max_priority_fee,
        )
        told = {"order_id": plan.order_id, "attempt": plan.attempt, "fee_lamports": fee_lamports(unsigned(message))}
        if self._dry_run:
            log.info("dry run: swap simulated", extra=told)
            raise DryRun(f"dry run: the simulation went well, at a fee of {told['fee_lamports']} lamports")
        signers = [signer, *(cosigners[key] for key in read_message(message).cosigners)]
        signatures = await asyncio.gather(*(by.sign(message) for by in signers))
        transaction = assemble(message, dict(zip((by.address for by in signers), signatures, strict=True)))
        log.info("swap signed", extra=told)
        return SignedSwap(
            signature=signature_of(transaction),
            transaction=transaction,
            blockhash=dated.blockhash,
            last_valid_block_height=dated.last_valid_block_height,
        )

    def _cosigners(self, plan: SwapPlan) -> dict[str, Signer]:
        markets = {decode_leg(leg.payload).market for leg in plan.route}
        return {key: by for name in sorted(markets) for key, by in self._markets[name].cosigners.items()}


def _check_date(dated: Blockhash, final: Height) -> None:
    """See that a blockhash is as old as it says: by its last valid height, the swap's death will be proven.

    Raises:
        NetworkUnavailable: it is not.
    """
    newest = Height(dated.last_valid_block_height - WINDOW, dated.slot)
    if newest.slot < final.slot or not of_one_chain(final, newest):
        raise NetworkUnavailable("the newest block's height contradicts that of the finalized one")
