"""The chain's rules: what lands when, what forks undo, and that chance is the seed's alone."""

import random
from base64 import b64decode

import pytest
from attrs import evolve

from tests.unit.cluster.world import PROCESSED, World


@pytest.mark.parametrize("late", [0, 1])
def test_a_transaction_lands_up_to_its_last_valid_block_and_not_in_the_next(late: int) -> None:
    world = World()
    blockhash, last = world.blockhash()
    world.until_height(last - 1 + late)

    signature = world.send(world.pay(1_000_000, blockhash))
    world.slots(5)

    status = world.status(signature)
    assert (status is None) == bool(late)
    if status:
        assert world.chain.landed[signature].height == last


def test_the_same_bytes_land_once_however_often_they_are_sent() -> None:
    world = World()
    transaction = world.pay(1_000_000)
    for _ in range(30):
        world.send(transaction)
        world.slots(2)

    assert world.balance() == 1_000_000
    assert len(world.chain.landed) == 1


def test_a_fork_undoes_what_its_blocks_did() -> None:
    world = World(returns=0.0)
    before = world.balance(world.wallet.pubkey())
    kept = world.send(world.pay(1_000_000))
    world.slots(6)
    gone = world.send(world.pay(2_000_000))
    world.slots(2)
    assert world.balance() == 3_000_000

    world.chain.drop(4)

    assert world.balance() == 1_000_000
    assert world.balance(world.wallet.pubkey()) == before - 1_000_000 - 5_000
    assert world.status(gone) is None
    assert world.status(kept)
    assert world.chain.dropped == 1


def test_a_fork_undoes_that_an_account_came_to_be() -> None:
    world = World(returns=0.0)
    world.send(world.pay(1_000_000))
    world.slots(2)
    world.chain.drop(4)
    assert world.ask("getAccountInfo", str(world.friend), PROCESSED)["value"] is None


@pytest.mark.parametrize("sent_again", [False, True])
def test_what_a_fork_dropped_lands_once_more_at_the_most(sent_again: bool) -> None:
    world = World(returns=0.0 if sent_again else 1.0)
    transaction = world.pay(1_000_000)
    signature = world.send(transaction)
    world.slots(2)
    first = world.chain.landed[signature].slot

    world.chain.drop(2)
    assert world.status(signature) is None
    for _ in range(60):
        if sent_again:
            world.send(transaction)
        world.slots(3)

    assert world.balance() == 1_000_000
    assert world.chain.landed[signature].slot > first


def test_a_transaction_dated_by_a_dropped_block_never_lands() -> None:
    world = World(returns=1.0)
    blockhash, _ = world.blockhash()
    world.slots(1)
    world.chain.drop(3)
    signature = world.send(world.pay(1_000_000, blockhash))
    world.slots(160)
    assert world.status(signature) is None


def test_no_fork_drops_what_is_finalized() -> None:
    world = World()
    signature = world.send(world.pay(1_000_000))
    world.slots(33)
    world.chain.drop(1_000)
    assert world.status(signature)["confirmationStatus"] == "finalized"
    assert [landed.signature for landed in world.chain.final()] == [signature]


def test_slots_without_a_block_part_heights_from_slots() -> None:
    world = World(skipped=0.25)
    slot, height = (world.ask(method, PROCESSED) for method in ("getSlot", "getBlockHeight"))
    world.slots(1_000)
    slots = world.ask("getSlot", PROCESSED) - slot
    blocks = world.ask("getBlockHeight", PROCESSED) - height
    assert 990 <= slots <= 1_010
    assert 700 <= blocks <= 800


def test_a_failing_transaction_lands_as_failed_and_pays_its_fee() -> None:
    world = World()
    before = world.balance(world.wallet.pubkey())
    signature = world.send(world.pay(10**15))
    world.slots(3)
    assert world.status(signature)["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert world.balance(world.wallet.pubkey()) == before - 5_000
    assert world.balance() == 0


def test_who_cannot_pay_the_fee_is_in_no_block() -> None:
    world = World()
    poor = world.cluster.pools[0].keypair
    world.chain.put(str(poor.pubkey()), "11111111111111111111111111111111", b"", 4_999)
    signature = world.send(world.pay(1, payer=poor))
    world.slots(3)
    assert world.status(signature) is None
    assert world.balance(poor.pubkey()) == 4_999


@pytest.mark.parametrize("loss", [0.2, 0.5, 0.98])
def test_as_many_sends_are_lost_as_was_set(loss: float) -> None:
    world = World(loss=loss)
    count = 1_000
    for number in range(count):
        world.send(world.pay(1_000_000 + number))
    world.slots(3)
    lost = 1 - len(world.chain.landed) / count
    assert abs(lost - loss) < 0.05


def test_held_transactions_land_up_to_the_very_last_block_even_if_sent_again() -> None:
    world = World(late=1.0)
    _, last = world.blockhash()
    some = [world.pay(1_000_000 + number) for number in range(40)]
    for transaction in some:
        world.send(transaction)
    for _ in range(16):
        world.slots(10)
        for transaction in some:
            world.send(transaction)
    heights = [landed.height for landed in world.chain.landed.values()]
    assert len(heights) == 40
    assert heights.count(last) >= 5
    assert max(heights) == last
    assert min(heights) < last - 50


def test_delays_are_drawn_from_their_range() -> None:
    world = World(delay=(2, 6))
    height = world.ask("getBlockHeight", PROCESSED)
    for number in range(60):
        world.send(world.pay(1_000_000 + number))
    world.slots(8)
    assert {landed.height - height for landed in world.chain.landed.values()} == {2, 3, 4, 5, 6}


def test_the_clock_account_follows_the_chains_time() -> None:
    world = World()
    clock = "SysvarC1ock11111111111111111111111111111111"
    answer = world.ask("getAccountInfo", clock, PROCESSED | {"encoding": "base64"})
    data = b64decode(answer["value"]["data"][0])
    assert int.from_bytes(data[:8], "little") == answer["context"]["slot"]
    assert int.from_bytes(data[32:40], "little") == world.now_ms // 1000
    inside = world.chain.ledger.svm
    world.send(world.pay(1_000_000))
    world.slots(1)
    assert inside.get_clock().slot == world.chain.slot
    assert inside.get_clock().unix_timestamp == world.now_ms // 1000


def test_time_that_goes_back_makes_no_block() -> None:
    world = World()
    before = world.chain.slot
    world.now_ms -= 60_000
    world.chain.advance()
    assert world.chain.slot == before


def test_the_witness_tells_what_landed() -> None:
    world = World()
    before = world.balance(world.wallet.pubkey())
    signature = world.send(world.pay(1_000_000))
    assert world.chain.final() == []
    world.slots(40)
    (landed,) = world.chain.final()
    assert (landed.signature, landed.error, landed.fee, landed.memo) == (signature, None, 5_000, None)
    assert landed.lamports() == {str(world.friend): 1_000_000, str(world.wallet.pubkey()): -1_005_000}
    assert landed.tokens() == {}
    assert before - 1_005_000 == world.balance(world.wallet.pubkey())


def test_rules_can_change_while_it_runs() -> None:
    world = World(loss=1.0)
    signature = world.send(world.pay(1_000_000))
    world.slots(5)
    assert world.status(signature) is None
    world.chain.rules = evolve(world.chain.rules, loss=0.0)
    signature = world.send(world.pay(1_000_000))
    world.slots(5)
    assert world.status(signature)


def _story(seed: int) -> list[object]:
    world = World(seed, skipped=0.1, delay=(1, 4), loss=0.3, late=0.2, forks=0.1, lag=40, nodes=3)
    chance, told, sent = random.Random(5), list[object](), list[str]()
    for number in range(120):
        node = chance.randint(1, 3)
        sent.append(world.send(world.pay(1_000_000 + number), node=node))
        world.slots(chance.randint(0, 4))
        told.append(world.ask("getLatestBlockhash", node=node))
        told.append(world.ask("getSignatureStatuses", sent[-40:], node=node))
        told.append(world.balance(node=node))
    assert world.chain.dropped > 0
    return [*told, [landed.signature for landed in world.chain.final()]]


def test_the_same_seed_and_calls_give_the_same_answers() -> None:
    assert _story(3) == _story(3)
    assert _story(3) != _story(4)


def test_which_slots_have_a_block_does_not_hang_on_what_is_sent() -> None:
    heights: list[list[int]] = []
    for sends in (0, 50):
        world = World(8, skipped=0.2, forks=0.1, loss=0.5)
        heights.append([])
        for number in range(sends or 50):
            if sends:
                world.send(world.pay(1_000_000 + number))
            world.slots(2)
            heights[-1].append(world.ask("getBlockHeight", PROCESSED))
    assert heights[0] == heights[1]


def test_what_was_put_on_the_chain_for_good_is_not_undone() -> None:
    world = World()
    world.send(world.pay(1_000_000))
    world.slots(1)
    world.chain.put(str(world.friend), "11111111111111111111111111111111", b"", 77)
    world.chain.drop(5)
    assert world.balance() == 77
