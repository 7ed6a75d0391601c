"""The simulated chain and its nodes keep the promises that the real ones make."""

import random

from bestfill.quote import Height, Leg, SwapOutcome, SwapPlan, SwapStatus
from bestfill.units import BaseUnits, OrderId, Signature
from tools.sim.chain import FIRST_SLOT, Chain
from tools.sim.fate import Fate
from tools.sim.network import Node, SimNetwork
from tools.sim.people import SOL, USDC
from tools.sim.process import Process

OUT = 1_000_000


class Rig:
    """A chain of depth 4, on which `rates` may strike, and a way to it that signs and sends at once."""

    def __init__(self, seed: int = 1, window: int = 30, **rates: float) -> None:
        self.fate = Fate(seed, lambda _: {kind.replace("_", " "): rate for kind, rate in rates.items()}, tells=True)
        self.chain = Chain(self.fate, 4, window, lambda _: "user")
        self.node = Node()
        self.door = SimNetwork(self.fate, Process(self.fate, "worker 1", None, lambda: None), self.chain, [self.node])
        self.chain.balances["user", SOL.mint] = 10**10
        self.before = dict(self.chain.balances)

    def swap(self, amount_in: int = 10**9, min_out: int = 1):
        leg = Leg(
            venue="pool",
            input_mint=SOL.mint,
            output_mint=USDC.mint,
            amount_in=BaseUnits(amount_in),
            min_out=BaseUnits(min_out),
            payload=b"%d" % OUT,
        )
        return self.door._sign(
            SwapPlan(
                order_id=OrderId("order"),
                attempt=1,
                input_mint=SOL.mint,
                output_mint=USDC.mint,
                amount_in=BaseUnits(amount_in),
                min_out=BaseUnits(min_out),
                route=(leg,),
            )
        )

    def slots(self, count: int) -> None:
        for _ in range(count):
            self.chain.advance()

    def status(self, signature: Signature) -> SwapStatus:
        return self.node.status(self.chain, signature)


def test_a_swap_lands_once_however_often_it_is_sent_and_moves_what_it_says():
    rig = Rig()
    swap = rig.swap()
    for _ in range(20):
        rig.door._send(swap)
        rig.slots(1)
    rig.slots(10)
    (landing,) = rig.chain.landings()
    assert rig.status(swap.signature).outcome is SwapOutcome.LANDED
    moved = {held: after - rig.before.get(held, 0) for held, after in rig.chain.balances.items()}
    assert moved == {
        ("user", SOL.mint): -(10**9),
        ("pool pool", SOL.mint): 10**9,
        ("user", USDC.mint): landing.amount_out,
        ("pool pool", USDC.mint): -landing.amount_out,
    }


def test_a_swap_below_its_bound_or_above_the_balance_fails_and_moves_nothing():
    for changes in {"min_out": 2 * OUT}, {"amount_in": 10**11}:
        rig = Rig()
        swap = rig.swap(**changes)
        rig.door._send(swap)
        rig.slots(10)
        assert rig.status(swap.signature).outcome is SwapOutcome.REVERTED
        assert not rig.chain.landings()
        assert all(rig.chain.balances[held] == before for held, before in rig.before.items())


def test_nothing_lands_after_its_last_valid_block_whatever_delays_it():
    late = 0
    for seed in range(40):
        rig = Rig(seed, swap_held_until_its_last_valid_block=0.7, send_dropped=0.3, fork=0.2)
        swaps = [rig.swap() for _ in range(5)]
        for swap in swaps:
            rig.door._send(swap)
        rig.slots(60)
        for swap in swaps:
            found = rig.chain.included.get(swap.signature)
            if found is not None:
                height = rig.chain.height(found.slot)
                assert height <= swap.last_valid_block_height
                late += height == swap.last_valid_block_height
    assert late > 10, "some land in the very last block"


def test_forks_undo_what_they_drop_and_never_what_is_final():
    dropped = 0
    for seed in range(40):
        rig = Rig(seed, fork=0.3)
        swaps = [rig.swap(10**8) for _ in range(10)]
        final: dict[Signature, int] = {}
        heights: dict[int, int] = {}
        for swap in swaps:
            rig.door._send(swap)
            for _ in range(4):
                before = len(rig.chain.included)
                rig.slots(1)
                dropped += len(rig.chain.included) < before
                now_final = {s: f.slot for s, f in rig.chain.included.items() if f.slot <= rig.chain.final_slot}
                assert final.items() <= now_final.items()
                final = now_final
                for slot in range(FIRST_SLOT, rig.chain.final_slot + 1):
                    assert heights.setdefault(slot, rig.chain.height(slot)) == rig.chain.height(slot)
        rig.slots(60)
        landed = rig.chain.landings()
        assert len({landing.signature for landing in landed}) == len(landed)
        assert rig.chain.balances["user", SOL.mint] == 10**10 - len(landed) * 10**8
        assert rig.chain.balances["user", USDC.mint] == sum(landing.amount_out for landing in landed)
    assert dropped > 10


def test_what_a_fork_drops_may_come_again_at_once_or_just_before_it_can_no_more():
    waits: list[int] = []
    for seed in range(40):
        rig = Rig(seed, fork=0.3)
        rig.door._send(rig.swap(10**8))
        for _ in range(20):
            rig.slots(1)
            height = rig.chain.height(rig.chain.slot)
            waits += [sent.due - height for sent in rig.chain._pool.values()]
    assert min(waits) <= 1
    assert max(waits) > 20, "of a window of 30"


def test_a_lagging_node_tells_as_of_its_own_slot_and_one_that_forgot_says_so():
    rig = Rig()
    swap = rig.swap()
    rig.door._send(swap)
    rig.node.lag = 20
    rig.slots(15)
    assert rig.status(swap.signature) == SwapStatus(outcome=SwapOutcome.NOT_FOUND, slot=FIRST_SLOT)
    assert rig.node.height(rig.chain) == Height(rig.chain.height(FIRST_SLOT), FIRST_SLOT)
    rig.node.lag = rig.chain.slot - rig.chain.included[swap.signature].slot
    assert rig.status(swap.signature).outcome is SwapOutcome.SEEN, "it is in a block, which a fork may drop"
    rig.node.catch_up()
    assert rig.status(swap.signature).outcome is SwapOutcome.LANDED
    rig.node.lag = 10
    assert rig.status(swap.signature).outcome is SwapOutcome.LANDED, "what a node has seen stays seen"
    rig.node.forget(rig.chain.final_slot)
    assert rig.status(swap.signature).outcome is SwapOutcome.UNKNOWN
    rig.node.recover()
    assert rig.status(swap.signature).outcome is SwapOutcome.UNKNOWN, "for ever"


def test_the_seed_alone_decides_what_the_chain_does():
    def digest(seed: int) -> str:
        rig = Rig(seed, fork=0.2, send_dropped=0.3)
        for _ in range(5):
            rig.door._send(rig.swap())
            rig.slots(10)
        return rig.fate.trace()

    seeds = random.Random(1).sample(range(1_000), 10)
    assert [digest(seed) for seed in seeds] == [digest(seed) for seed in seeds]
    assert len({digest(seed) for seed in seeds}) == len(seeds)
