"""A cluster whose clock a test owns, and plain transfers to send to it."""

import json
from base64 import b64encode
from typing import Any

from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from tools.cluster.cluster import Cluster
from tools.cluster.rules import Rules

BEGIN_MS = 1_765_880_000_000
PROCESSED = {"commitment": "processed"}
QUIET = {"skipped": 0.0, "delay": (1, 1)}
"""Rules without chance: a block a slot, and what is sent is in the next."""


class RpcFault(Exception):
    def __init__(self, code: int, message: str, data: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class World:
    def __init__(self, seed: object = 1, *, begin_ms: int = BEGIN_MS, slots: int = 200, **rules: Any) -> None:
        self.now_ms = begin_ms
        self.cluster = Cluster(lambda: self.now_ms, seed, Rules(**(QUIET | rules)))
        self.chain, self.wallet = self.cluster.chain, self.cluster.wallet
        self.friend = Keypair.from_seed(bytes(32)).pubkey()
        self.slots(slots)

    def slots(self, count: int) -> None:
        """Let so many slots pass."""
        self.now_ms += count * self.chain.rules.slot_ms
        self.chain.advance()

    def until_height(self, height: int) -> None:
        while self.ask("getBlockHeight", PROCESSED) < height:
            self.slots(1)

    def ask(self, method: str, *params: Any, node: int = 1) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
        answer = json.loads(self.cluster.rpcs[node - 1].answer(body))
        assert (answer.pop("jsonrpc"), answer.pop("id")) == ("2.0", 7)
        if "error" in answer:
            raise RpcFault(answer["error"]["code"], answer["error"]["message"], answer["error"].get("data"))
        (result,) = answer.values()
        return result

    def blockhash(self) -> tuple[str, int]:
        """Give the newest blockhash and its last valid height."""
        value = self.ask("getLatestBlockhash", PROCESSED)["value"]
        return value["blockhash"], value["lastValidBlockHeight"]

    def pay(self, lamports: int, blockhash: str | None = None, payer: Keypair | None = None) -> VersionedTransaction:
        payer = payer or self.wallet
        instruction = transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=self.friend, lamports=lamports))
        dated = Hash.from_string(blockhash or self.blockhash()[0])
        return VersionedTransaction(MessageV0.try_compile(payer.pubkey(), [instruction], [], dated), [payer])

    def send(self, transaction: VersionedTransaction, node: int = 1, **options: Any) -> str:
        text = b64encode(bytes(transaction)).decode()
        return self.ask("sendTransaction", text, {"encoding": "base64", "skipPreflight": True} | options, node=node)

    def status(self, signature: str, node: int = 1) -> Any:
        return self.ask("getSignatureStatuses", [signature], {"searchTransactionHistory": True}, node=node)["value"][0]

    def balance(self, address: Pubkey | None = None, commitment: str = "processed", node: int = 1) -> int:
        return self.ask("getBalance", str(address or self.friend), {"commitment": commitment}, node=node)["value"]
