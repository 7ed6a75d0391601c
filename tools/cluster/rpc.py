"""The JSON-RPC methods of one node."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from bestfill.units import base58_encode
from tools.cluster import params as read
from tools.cluster import shapes as write
from tools.cluster.blocks import Block
from tools.cluster.faucet import Faucet
from tools.cluster.landed import Result, error_of, metadata
from tools.cluster.ledger import SLOTS_AN_EPOCH
from tools.cluster.node import Node
from tools.cluster.params import Config, Params, RpcError, Sent, invalid

FEE_BLOCKS: Final = 150
STATUS_SLOTS: Final = 300
"""So far back a node knows statuses without a search of its history."""
BASE64: Final = ("base64",)

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


class JsonRpc:
    """Answers what one node is asked; `answer` never raises."""

    def __init__(self, node: Node, faucet: Faucet) -> None:
        self.node, self._chain, self._faucet = node, node.chain, faucet
        self._methods: Final[dict[str, Callable[[Params], Any]]] = {
            "getAccountInfo": self._account,
            "getBalance": self._balance,
            "getBlock": self._block,
            "getBlockHeight": lambda params: self._at(params.config(0)).height,
            "getEpochInfo": self._epoch,
            "getBlocks": self._slots,
            "getFirstAvailableBlock": lambda _: self.node.first().slot,
            "getGenesisHash": self._genesis,
            "getHealth": lambda _: "ok",
            "getLatestBlockhash": self._blockhash,
            "getMinimumBalanceForRentExemption": self._rent,
            "getMultipleAccounts": self._accounts,
            "getRecentPrioritizationFees": self._fees,
            "getSignatureStatuses": self._statuses,
            "getSlot": lambda params: self._at(params.config(0)).slot,
            "getTransaction": self._transaction,
            "getVersion": lambda _: {"feature-set": 0, "solana-core": "3.0.0"},
            "isBlockhashValid": self._is_valid,
            "requestAirdrop": self._airdrop,
            "sendTransaction": self._send,
            "simulateTransaction": self._simulate,
        }

    def answer(self, body: bytes) -> bytes:
        """Answer a request, or a batch of them."""
        try:
            request = _decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return _encode(_error(None, RpcError(read.PARSE_ERROR, "Parse error")))
        if type(request) is list and request:
            return _encode([self._answer(one) for one in request])
        return _encode(self._answer(request))

    def _answer(self, request: Any) -> dict[str, Any]:
        known = type(request) is dict and request.get("jsonrpc") == "2.0" and type(request.get("method")) is str
        name = request.get("id") if type(request) is dict else None
        if not known or type(name) not in (int, str, type(None)):
            return _error(None, RpcError(read.INVALID_REQUEST, "Invalid request"))
        method, params = self._methods.get(request["method"]), request.get("params")
        try:
            if method is None:
                raise RpcError(read.METHOD_NOT_FOUND, "Method not found")
            if params is not None and type(params) is not list:
                raise invalid("`params` should be an array")
            return {"jsonrpc": "2.0", "result": method(Params(params or [])), "id": name}
        except RpcError as error:
            return _error(name, error)

    def _at(self, config: Config, name: str = "commitment") -> Block:
        return self._reached(self.node.block(config.commitment(name)), config)

    @staticmethod
    def _reached(block: Block, config: Config) -> Block:
        least = config.number("minContextSlot")
        if least is not None and block.slot < least:
            message = "Minimum context slot has not been reached"
            raise RpcError(read.MIN_SLOT_NOT_REACHED, message, {"contextSlot": block.slot})
        return block

    def _account(self, params: Params) -> Any:
        address, config = read.pubkey(params.text(0)), params.config(1)
        part, block = _part(config), self._at(config)
        return _as_of(block, write.of_account(self._chain.ledger.read(address, block), part))

    def _accounts(self, params: Params) -> Any:
        addresses = [read.pubkey(text) for text in params.texts(0, read.KEYS_MAX)]
        config = params.config(1)
        part, block = _part(config), self._at(config)
        return _as_of(block, [write.of_account(self._chain.ledger.read(address, block), part) for address in addresses])

    def _balance(self, params: Params) -> Any:
        address, block = read.pubkey(params.text(0)), self._at(params.config(1))
        account = self._chain.ledger.read(address, block)
        return _as_of(block, account.lamports if account else 0)

    def _slots(self, params: Params) -> Any:
        first, last, config = params.number(0), params.number(1), params.config(2)
        if last - first > read.SLOTS_MAX:
            raise invalid(f"Slot range too large; max {read.SLOTS_MAX}")
        upto = self._at_least_confirmed(config)
        found = self._chain.blocks.between(max(first, self.node.first().slot), min(last, upto.slot))
        return [block.slot for block in found]

    def _block(self, params: Params) -> Any:
        slot, config = params.number(0), params.config(1)
        upto = self._at_least_confirmed(config)
        if config.word("transactionDetails", ("full", "accounts", "signatures", "none"), "full") != "none":
            raise invalid('this cluster gives blocks with {"transactionDetails": "none"} alone')
        first, block = self.node.first(), self._chain.blocks.at(slot)
        if slot < first.slot:
            message = f"Block {slot} cleaned up, does not exist on node. First available block: {first.slot}"
            raise RpcError(read.BLOCK_CLEANED_UP, message)
        if slot > upto.slot:
            raise RpcError(read.BLOCK_NOT_AVAILABLE, f"Block not available for slot {slot}")
        if block is None:
            message = f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot"
            raise RpcError(read.SLOT_SKIPPED, message)
        before = self._chain.blocks.before(block)
        return {
            "blockHeight": block.height,
            "blockTime": block.unix_s,
            "blockhash": base58_encode(block.blockhash),
            "parentSlot": before.slot,
            "previousBlockhash": base58_encode(before.blockhash),
        }

    def _epoch(self, params: Params) -> Any:
        block = self._at(params.config(0))
        return {
            "absoluteSlot": block.slot,
            "blockHeight": block.height,
            "epoch": block.slot // SLOTS_AN_EPOCH,
            "slotIndex": block.slot % SLOTS_AN_EPOCH,
            "slotsInEpoch": SLOTS_AN_EPOCH,
            "transactionCount": len(self._chain.landed),
        }

    def _genesis(self, _: Params) -> Any:
        return base58_encode(self._chain.blocks.first.blockhash)

    def _blockhash(self, params: Params) -> Any:
        block = self._at(params.config(0))
        return _as_of(block, self._hash_of(block))

    def _is_valid(self, params: Params) -> Any:
        text, block = params.text(0), self._at(params.config(1))
        born = self._chain.blocks.height_of(bytes(read.pubkey(text)))
        return _as_of(block, born is not None and born <= block.height <= born + self._chain.rules.window)

    def _rent(self, params: Params) -> Any:
        size = params.number(0)
        if size > 10 * 1024 * 1024:
            raise invalid("Invalid params: an account has at most 10485760 bytes.")
        return self._chain.ledger.svm.minimum_balance_for_rent_exemption(size)

    def _fees(self, params: Params) -> Any:
        for text in params.texts(0, 128):
            read.pubkey(text)
        blocks = self._chain.blocks.last(FEE_BLOCKS, self.node.block("processed"))
        return [{"slot": block.slot, "prioritizationFee": block.fee} for block in blocks]

    def _statuses(self, params: Params) -> Any:
        signatures = [read.signature(text) for text in params.texts(0, read.SIGNATURES_MAX)]
        searches, tip = params.config(1).flag("searchTransactionHistory"), self.node.block("processed")
        confirmed, finalized = self.node.block("confirmed"), self.node.block("finalized")
        found = [self.node.find(signature, tip) for signature in signatures]
        return _as_of(
            tip,
            [
                write.of_status(one, tip, confirmed, finalized)
                if one is not None and (searches or one.slot >= tip.slot - STATUS_SLOTS)
                else None
                for one in found
            ],
        )

    def _transaction(self, params: Params) -> Any:
        signature = read.signature(params.text(0))
        config = params.config(1)
        encoding = config.word("encoding", ("json", "base64"), "json")
        version, upto = config.number("maxSupportedTransactionVersion"), self._at_least_confirmed(config)
        found = self.node.find(signature, upto)
        if found is None:
            return None
        written = write.of_transaction(found, encoding, self._chain.ledger)
        if version is None:
            if written["version"] != "legacy":
                raise RpcError(
                    read.UNSUPPORTED_VERSION,
                    "Transaction version (0) is not supported by the requesting client. Please try the request again "
                    'with the following configuration parameter: "maxSupportedTransactionVersion": 0',
                )
            del written["version"]
        return written

    def _send(self, params: Params) -> Any:
        text, config = params.text(0), params.config(1)
        sent = read.sent(text, config.word("encoding", ("base58", "base64"), "base58"))
        if config.flag("skipPreflight"):
            self._reached(self.node.block("processed"), config)
        else:
            block = self._at(config, "preflightCommitment")
            if not sent.signed:
                raise _unsigned()
            simulated = self._try(sent, block, any_blockhash=False)
            if simulated["err"] is not None:
                message = f"Transaction simulation failed: {_in_words(simulated['err'])}"
                raise RpcError(read.PREFLIGHT_FAILURE, message, simulated)
        if sent.signed:  # otherwise no leader takes it
            self._chain.receive(sent.transaction)
        return sent.signature

    def _simulate(self, params: Params) -> Any:
        text, config = params.text(0), params.config(1)
        sent = read.sent(text, config.word("encoding", ("base58", "base64"), "base58"))
        verifies, any_blockhash = config.flag("sigVerify"), config.flag("replaceRecentBlockhash")
        if verifies and any_blockhash:
            raise invalid("sigVerify may not be used with replaceRecentBlockhash")
        if config.has("accounts"):
            raise invalid("this cluster gives no accounts of simulations")
        block = self._at(config)
        if verifies and not sent.signed:
            raise _unsigned()
        simulated = self._try(sent, block, any_blockhash=any_blockhash)
        if any_blockhash:
            simulated["replacementBlockhash"] = self._hash_of(block)
        return _as_of(block, simulated)

    def _airdrop(self, params: Params) -> Any:
        address, lamports = read.pubkey(params.text(0)), params.number(1)
        transaction = self._faucet.pay(address, lamports, self.node.block("finalized"))
        self._chain.receive(transaction, surely=True)
        return str(transaction.signatures[0])

    def _at_least_confirmed(self, config: Config) -> Block:
        if config.commitment() == "processed":
            raise invalid("Method does not support commitment below `confirmed`")
        return self._at(config)

    def _hash_of(self, block: Block) -> dict[str, Any]:
        last = block.height + self._chain.rules.window
        return {"blockhash": base58_encode(block.blockhash), "lastValidBlockHeight": last}

    def _try(self, sent: Sent, block: Block, *, any_blockhash: bool) -> dict[str, Any]:
        """Simulate as of a block."""
        chain, transaction = self._chain, sent.transaction
        keys = chain.ledger.keys(transaction.message, block)
        if keys is None:
            return _simulated("AddressLookupTableNotFound")
        if not any_blockhash and not chain.valid(transaction, block):
            return _simulated("BlockhashNotFound")
        landed = chain.landed.get(sent.signature)
        if not any_blockhash and landed is not None and landed.slot <= block.slot:
            return _simulated("AlreadyProcessed")
        result = chain.ledger.simulate(transaction, keys, block)
        return _simulated(error_of(result), result)


def _as_of(block: Block, value: Any) -> dict[str, Any]:
    return {"context": write.context(block), "value": value}


def _error(name: Any, error: RpcError) -> dict[str, Any]:
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        told["data"] = error.data
    return {"jsonrpc": "2.0", "error": told, "id": name}


def _unsigned() -> RpcError:
    return RpcError(read.SIGNATURE_FAILURE, "Transaction signature verification failure")


def _simulated(error: Any, result: Result | None = None) -> dict[str, Any]:
    meta = metadata(result) if result else None
    return {
        "accounts": None,
        "err": error,
        "innerInstructions": None,
        "logs": meta.logs() if meta else [],
        "replacementBlockhash": None,
        "returnData": None,
        "unitsConsumed": meta.compute_units_consumed() if meta else 0,
    }


def _part(config: Config) -> slice:
    config.word("encoding", BASE64, "base64")
    if not config.has("dataSlice"):
        return slice(None)
    inner = config.inner("dataSlice")
    offset, length = inner.number("offset") or 0, inner.number("length") or 0
    return slice(offset, offset + length)


_WORDS: Final = {
    "AlreadyProcessed": "This transaction has already been processed",
    "BlockhashNotFound": "Blockhash not found",
    "AccountNotFound": "Attempt to debit an account but found no record of a prior credit.",
    "InsufficientFundsForFee": "Insufficient funds for fee",
    "AddressLookupTableNotFound": "Transaction loads an address table account that doesn't exist",
}


def _in_words(error: Any) -> str:
    """Say an error as nodes say it."""
    if type(error) is str:
        return _WORDS.get(error, error)
    match error:
        case {"InstructionError": [place, {"Custom": code}]}:
            return f"Error processing Instruction {place}: custom program error: {code:#x}"
        case {"InstructionError": [place, what]}:
            return f"Error processing Instruction {place}: {what if type(what) is str else next(iter(what))}"
        case _:
            return str(error)
