"""The shapes and error codes of real nodes."""

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from tests.unit.cluster.world import PROCESSED, RpcFault, World

BASE64 = {"encoding": "base64"}
NOBODY = "11111111111111111111111111111111"


@pytest.fixture
def world() -> World:
    return World()


def code(world: World, method: str, *params: Any) -> int:
    with pytest.raises(RpcFault) as caught:
        world.ask(method, *params)
    return caught.value.code


def encoded(transaction: VersionedTransaction) -> str:
    return b64encode(bytes(transaction)).decode()


def test_accounts(world: World) -> None:
    wallet, pool = str(world.wallet.pubkey()), world.cluster.pools[0]
    answer = world.ask("getMultipleAccounts", [wallet, str(world.friend), pool.mints[1]], BASE64)
    assert set(answer) == {"context", "value"} and type(answer["context"]["slot"]) is int
    own, nobody, mint = answer["value"]
    assert nobody is None
    assert own["data"] == ["", "base64"] and own["owner"] == NOBODY and own["executable"] is False
    assert own["lamports"] == 1_000 * 10**9
    assert len(b64decode(mint["data"][0])) == 82 == mint["space"]
    part = world.ask("getAccountInfo", pool.mints[1], BASE64 | {"dataSlice": {"offset": 44, "length": 1}})
    assert b64decode(part["value"]["data"][0]) == b"\x06"


def test_a_hundred_accounts_at_the_most(world: World) -> None:
    world.ask("getMultipleAccounts", [NOBODY] * 100, BASE64)
    assert code(world, "getMultipleAccounts", [NOBODY] * 101, BASE64) == -32602


def test_blockhash_and_heights(world: World) -> None:
    answer = world.ask("getLatestBlockhash")
    info = world.ask("getEpochInfo")
    assert answer["context"]["slot"] == info["absoluteSlot"]
    assert answer["value"]["lastValidBlockHeight"] == info["blockHeight"] + 150 == world.ask("getBlockHeight") + 150
    assert {"absoluteSlot", "blockHeight", "epoch", "slotIndex", "slotsInEpoch", "transactionCount"} == set(info)
    block = world.ask("getBlock", info["absoluteSlot"], {"transactionDetails": "none", "rewards": False})
    assert block["blockHeight"] == info["blockHeight"] and block["blockhash"] == answer["value"]["blockhash"]
    assert world.ask("isBlockhashValid", block["blockhash"])["value"] is True
    assert world.ask("isBlockhashValid", NOBODY)["value"] is False


def test_a_block_that_is_not_there_says_why() -> None:
    world = World(skipped=0.5)
    first, last = world.ask("getFirstAvailableBlock"), world.ask("getSlot")
    codes: set[int] = set()
    for slot in range(first, last + 2):
        try:
            world.ask("getBlock", slot, {"transactionDetails": "none"})
        except RpcFault as fault:
            codes.add(fault.code)
    assert codes == {-32007, -32004}
    assert code(world, "getBlock", first) == -32602
    assert code(world, "getBlock", first, PROCESSED | {"transactionDetails": "none"}) == -32602


def test_fees_are_those_of_the_last_blocks() -> None:
    world = World(fee=500)
    fees = world.ask("getRecentPrioritizationFees", [str(world.friend)])
    assert len(fees) == 150
    assert all(set(one) == {"slot", "prioritizationFee"} and 0 <= one["prioritizationFee"] <= 500 for one in fees)
    assert len({one["prioritizationFee"] for one in fees}) > 20


def test_a_simulation_says_what_would_be_and_changes_nothing(world: World) -> None:
    answer = world.ask("simulateTransaction", encoded(world.pay(1_000_000)), BASE64 | PROCESSED)
    assert answer["value"]["err"] is None and answer["value"]["unitsConsumed"] == 150
    assert answer["value"]["logs"][0] == f"Program {NOBODY} invoke [1]"
    failing = world.ask("simulateTransaction", encoded(world.pay(10**15)), BASE64 | PROCESSED)
    assert failing["value"]["err"] == {"InstructionError": [0, {"Custom": 1}]}
    world.slots(5)
    assert world.balance() == 0


def test_a_simulation_needs_signatures_only_if_told_so(world: World) -> None:
    signed = world.pay(1_000_000)
    unsigned = encoded(VersionedTransaction.populate(signed.message, [Signature.default()]))
    for options in ({}, {"replaceRecentBlockhash": True}):
        answer = world.ask("simulateTransaction", unsigned, BASE64 | PROCESSED | options)
        assert answer["value"]["err"] is None
    assert code(world, "simulateTransaction", unsigned, BASE64 | PROCESSED | {"sigVerify": True}) == -32003
    both = BASE64 | {"sigVerify": True, "replaceRecentBlockhash": True}
    assert code(world, "simulateTransaction", unsigned, both) == -32602


def test_a_simulation_of_an_unknown_blockhash_fails_unless_it_is_replaced(world: World) -> None:
    strange = encoded(world.pay(1_000_000, NOBODY))
    assert world.ask("simulateTransaction", strange, BASE64)["value"]["err"] == "BlockhashNotFound"
    answer = world.ask("simulateTransaction", strange, BASE64 | {"replaceRecentBlockhash": True})["value"]
    assert answer["err"] is None
    assert answer["replacementBlockhash"] == world.ask("getLatestBlockhash")["value"]


def test_preflight_refuses_what_would_fail(world: World) -> None:
    preflight = BASE64 | {"preflightCommitment": "processed"}
    for transaction, err, words in (
        (world.pay(1_000_000, NOBODY), "BlockhashNotFound", "Blockhash not found"),
        (world.pay(10**15), {"InstructionError": [0, {"Custom": 1}]}, "custom program error: 0x1"),
    ):
        with pytest.raises(RpcFault) as caught:
            world.ask("sendTransaction", encoded(transaction), preflight)
        assert caught.value.code == -32002
        assert caught.value.data["err"] == err and words in caught.value.message
    done = world.pay(1_000_000)
    world.ask("sendTransaction", encoded(done), preflight)
    world.slots(2)
    with pytest.raises(RpcFault) as caught:
        world.ask("sendTransaction", encoded(done), preflight)
    assert caught.value.data["err"] == "AlreadyProcessed"


def test_a_wrong_signature_never_lands(world: World) -> None:
    signed = world.pay(1_000_000)
    forged = VersionedTransaction.populate(signed.message, [Signature.new_unique()])
    assert code(world, "sendTransaction", encoded(forged), BASE64 | {"preflightCommitment": "processed"}) == -32003
    world.send(forged)
    world.slots(5)
    assert world.balance() == 0


def test_1232_bytes_and_not_one_more(world: World) -> None:
    for size, fits in ((1_232, True), (1_233, False)):
        raw = bytes(size)
        with pytest.raises(RpcFault) as caught:
            world.ask("sendTransaction", b64encode(raw).decode(), BASE64)
        assert caught.value.code == -32602
        assert ("too large" not in caught.value.message) == fits


@pytest.mark.parametrize("text", ["", "AA", "!!!!", "AAAA", b64encode(b"\xff" * 300).decode(), "A" * 5_000])
def test_what_is_no_transaction_is_refused(world: World, text: str) -> None:
    assert code(world, "sendTransaction", text, BASE64) == -32602
    assert code(world, "simulateTransaction", text, BASE64) == -32602


def test_bytes_after_a_transaction_are_refused(world: World) -> None:
    text = b64encode(bytes(world.pay(1)) + b"\x00").decode()
    assert code(world, "sendTransaction", text, BASE64) == -32602


def test_a_landed_transaction_in_both_encodings(world: World) -> None:
    transaction = world.pay(1_000_000)
    signature = world.send(transaction)
    world.slots(1)
    options: dict[str, Any] = {"maxSupportedTransactionVersion": 0}
    assert world.ask("getTransaction", signature, options) is None  # not final yet
    assert world.ask("getTransaction", signature, options | {"commitment": "confirmed"}) is None
    world.slots(40)

    found = world.ask("getTransaction", signature, options | BASE64)
    assert found["transaction"] == [encoded(transaction), "base64"] and found["version"] == 0
    meta = found["meta"]
    assert (meta["err"], meta["fee"], meta["status"]) == (None, 5_000, {"Ok": None})
    assert [after - before for before, after in zip(meta["preBalances"], meta["postBalances"], strict=True)] == [
        -1_005_000,
        1_000_000,
        0,
    ]
    assert meta["preTokenBalances"] == meta["postTokenBalances"] == meta["innerInstructions"] == []
    assert meta["logMessages"] and meta["computeUnitsConsumed"] == 150
    in_json = world.ask("getTransaction", signature, options | {"encoding": "json"})["transaction"]
    assert in_json["signatures"] == [signature]
    assert in_json["message"]["accountKeys"][:2] == [str(world.wallet.pubkey()), str(world.friend)]
    assert world.ask("getTransaction", str(Signature.new_unique()), options) is None
    assert code(world, "getTransaction", signature) == -32015
    assert code(world, "getTransaction", signature, options | PROCESSED) == -32602


def test_statuses(world: World) -> None:
    signature = world.send(world.pay(1_000_000))
    world.slots(1)
    answer = world.ask("getSignatureStatuses", [signature, str(Signature.new_unique())])
    assert answer["value"][1] is None
    assert set(answer["value"][0]) == {"slot", "confirmations", "err", "status", "confirmationStatus"}
    assert code(world, "getSignatureStatuses", [signature] * 257) == -32602
    assert code(world, "getSignatureStatuses", ["short"]) == -32602


def test_an_airdrop_lands_like_anything_else(world: World) -> None:
    one, other = (world.ask("requestAirdrop", str(world.friend), 5_000_000) for _ in range(2))
    assert one != other
    assert world.balance() == 0
    world.slots(3)
    assert world.balance() == 10_000_000
    assert code(world, "requestAirdrop", str(world.friend), 10**18) == -32602


def test_small_answers(world: World) -> None:
    assert world.ask("getHealth") == "ok"
    assert "solana-core" in world.ask("getVersion")
    assert world.ask("getMinimumBalanceForRentExemption", 165) == 2_039_280
    assert len(world.ask("getGenesisHash")) > 40


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[" * 50_000, -32700),
        (b"7", -32600),
        (b"{}", -32600),
        (b"[]", -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "getHealth"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getNothing"}', -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": {}}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": [7]}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": [{"commitment": "max"}]}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": [{"minContextSlot": -1}]}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": [{"minContextSlot": true}]}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getBalance"}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getBalance", "params": ["O0"]}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getMultipleAccounts", "params": [["x"]]}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getMultipleAccounts", "params": [[1]]}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "getMultipleAccounts", "params": [[], {"encoding": "xml"}]}', -32602),
    ],
)
def test_a_wrong_call_is_an_error_with_its_code(world: World, body: bytes, expected: int) -> None:
    answer = json.loads(world.cluster.rpcs[0].answer(body))
    assert answer["jsonrpc"] == "2.0" and answer["error"]["code"] == expected


def test_a_batch_is_answered_one_by_one(world: World) -> None:
    calls = [{"jsonrpc": "2.0", "id": n, "method": method} for n, method in enumerate(("getHealth", "getNothing"))]
    health, unknown = json.loads(world.cluster.rpcs[0].answer(json.dumps(calls).encode()))
    assert health == {"jsonrpc": "2.0", "result": "ok", "id": 0}
    assert (unknown["id"], unknown["error"]["code"]) == (1, -32601)
