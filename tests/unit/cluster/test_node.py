"""What a node knows: how far it is behind, what it calls final, and what it has forgotten."""

import pytest

from tests.unit.cluster.world import PROCESSED, RpcFault, World


def test_commitments_are_so_many_slots_old() -> None:
    world = World(confirmed=2, finalized=32)
    tip = world.chain.slot
    slots = [world.ask("getSlot", {"commitment": word}) for word in ("processed", "confirmed", "finalized")]
    assert slots == [tip, tip - 2, tip - 32]
    assert world.ask("getSlot") == tip - 32


def test_a_transaction_is_processed_then_confirmed_then_finalized() -> None:
    world = World(confirmed=2, finalized=5)
    signature = world.send(world.pay(1_000_000))
    seen: list[tuple[str, int | None]] = []
    for _ in range(7):
        world.slots(1)
        status = world.status(signature)
        seen.append((status["confirmationStatus"], status["confirmations"]))
    assert seen == [
        ("processed", 0),
        ("processed", 1),
        ("confirmed", 2),
        ("confirmed", 3),
        ("confirmed", 4),
        ("finalized", None),
        ("finalized", None),
    ]


@pytest.mark.parametrize(("commitment", "needs"), [("processed", 1), ("confirmed", 3), ("finalized", 6)])
def test_balances_are_as_of_the_commitment(commitment: str, needs: int) -> None:
    world = World(confirmed=2, finalized=5)
    world.send(world.pay(1_000_000))
    for slots in range(1, 8):
        world.slots(1)
        assert world.balance(commitment=commitment) == (1_000_000 if slots >= needs else 0)


def test_a_lagging_node_answers_from_an_older_slot_in_every_call() -> None:
    world = World(nodes=2)
    world.cluster.nodes[1].lag = 20
    behind = world.chain.slot
    signature = world.send(world.pay(1_000_000))
    world.slots(20)

    assert world.status(signature) and world.status(signature, node=2) is None
    assert world.balance() == 1_000_000 and world.balance(node=2) == 0
    answer = world.ask("getSignatureStatuses", [signature], node=2)
    assert answer["context"]["slot"] == behind
    assert world.ask("getEpochInfo", PROCESSED, node=2)["absoluteSlot"] == behind
    assert world.ask("getMultipleAccounts", [], PROCESSED, node=2)["context"]["slot"] == behind
    assert world.ask("getLatestBlockhash", PROCESSED, node=2)["context"]["slot"] == behind
    world.slots(1)
    assert world.status(signature, node=2) and world.balance(node=2) == 1_000_000


def test_a_lagging_node_simulates_upon_what_it_knows() -> None:
    world = World(nodes=2)
    rich = world.balance(world.wallet.pubkey())
    world.slots(20)
    blockhash, _ = world.blockhash()
    world.send(world.pay(rich - 5_000_000, blockhash))
    too_much = world.pay(rich // 2, blockhash)
    world.slots(1)
    world.cluster.nodes[1].lag = 1
    fine = {"encoding": "base64", "preflightCommitment": "processed", "skipPreflight": False}

    with pytest.raises(RpcFault) as caught:
        world.send(too_much, **fine)
    assert caught.value.data["err"] == {"InstructionError": [0, {"Custom": 1}]}
    world.send(too_much, node=2, **fine)
    # It left no trace there either.
    assert world.balance(node=1) == rich - 5_000_000


def test_old_accounts_are_known_as_long_as_a_node_may_lag_and_no_longer() -> None:
    world = World(nodes=2)
    world.cluster.nodes[1].lag = 512
    balances = {world.chain.slot: 0}
    for number in range(150):
        world.send(world.pay(1_000_000 + number))
        world.slots(10)
        balances[world.chain.slot] = world.balance()
        lagging = world.ask("getBalance", str(world.friend), PROCESSED, node=2)
        if number > 60:
            seen = max(slot for slot in balances if slot - 9 <= lagging["context"]["slot"])
            assert lagging["value"] == balances[seen]
    assert len(world.chain.ledger.versions(world.friend)) < 110


def test_a_node_never_goes_back_when_it_lags_more() -> None:
    world = World(nodes=1)
    before = world.ask("getSlot", PROCESSED)
    world.cluster.nodes[0].lag = 50
    world.slots(10)
    assert world.ask("getSlot", PROCESSED) == before


def test_lag_differs_by_node_and_time_and_stays_below_what_was_set() -> None:
    world = World(nodes=3, lag=60)
    lags: set[tuple[int, int]] = set()
    for _ in range(40):
        world.slots(13)
        for node in (1, 2, 3):
            lags.add((node, world.chain.slot - world.ask("getSlot", PROCESSED, node=node)))
    assert all(0 <= lag <= 60 for _, lag in lags)
    assert all(len({lag for who, lag in lags if who == node}) > 5 for node in (1, 2, 3))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getMultipleAccounts", [[]]),
        ("getLatestBlockhash", []),
        ("getEpochInfo", []),
        ("getBlockHeight", []),
        ("getBalance", ["11111111111111111111111111111111"]),
    ],
)
def test_a_slot_that_a_node_has_not_reached_is_an_error_of_its_own(method: str, params: list[object]) -> None:
    world = World()
    slot = world.ask("getSlot", PROCESSED)
    world.ask(method, *params, PROCESSED | {"minContextSlot": slot})
    with pytest.raises(RpcFault) as caught:
        world.ask(method, *params, PROCESSED | {"minContextSlot": slot + 1})
    assert (caught.value.code, caught.value.data) == (-32016, {"contextSlot": slot})


def test_a_send_waits_for_no_slot_either() -> None:
    world = World()
    slot = world.ask("getSlot", PROCESSED)
    for skips in (True, False):
        with pytest.raises(RpcFault) as caught:
            world.send(world.pay(1_000_000), skipPreflight=skips, minContextSlot=slot + 1)
        assert caught.value.code == -32016


def test_what_is_pruned_is_not_known_any_more() -> None:
    world = World(nodes=2, history=50)
    signature = world.send(world.pay(1_000_000))
    world.slots(40)
    assert world.status(signature)
    world.slots(20)
    assert world.status(signature) is None
    assert world.ask("getTransaction", signature, {"maxSupportedTransactionVersion": 0}) is None
    first = world.ask("getFirstAvailableBlock")
    assert first == world.chain.slot - 50
    assert world.ask("getBlock", first, {"transactionDetails": "none"})["parentSlot"] == first - 1
    with pytest.raises(RpcFault) as caught:
        world.ask("getBlock", first - 1, {"transactionDetails": "none"})
    assert caught.value.code == -32001


def test_one_node_can_forget_what_another_knows() -> None:
    world = World(nodes=2)
    signature = world.send(world.pay(1_000_000))
    world.slots(40)
    world.cluster.nodes[1].forgotten = world.chain.slot - 5
    assert world.status(signature, node=1) and world.status(signature, node=2) is None


def test_without_a_search_only_recent_statuses_are_known() -> None:
    world = World()
    signature = world.send(world.pay(1_000_000))
    world.slots(400)
    assert world.ask("getSignatureStatuses", [signature])["value"] == [None]
    assert world.status(signature)
