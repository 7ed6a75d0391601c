"""What nodes answer of accounts, statuses and transactions, in their words."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from solders.account import Account
from solders.message import MessageV0
from solders.transaction import VersionedTransaction

from bestfill.units import BaseUnits, base58_encode, to_display
from tools.cluster.blocks import Block
from tools.cluster.landed import AnyMessage, Held, Landed
from tools.cluster.ledger import Ledger

_NEVER = 2**64 - 1  # the rent epoch of accounts that pay no rent


def context(block: Block) -> dict[str, Any]:
    """Write as of which slot an answer is."""
    return {"apiVersion": "3.0.0", "slot": block.slot}


def of_account(account: Account | None, part: slice) -> dict[str, Any] | None:
    """Write an account, or the part of its data that was asked for."""
    if account is None:
        return None
    return {
        "data": [b64encode(account.data[part]).decode(), "base64"],
        "executable": account.executable,
        "lamports": account.lamports,
        "owner": str(account.owner),
        "rentEpoch": _NEVER,
        "space": len(account.data),
    }


def of_status(found: Landed, tip: Block, confirmed: Block, finalized: Block) -> dict[str, Any]:
    """Write what has become of a signature, as of what a node has seen."""
    final = found.slot <= finalized.slot
    word = "finalized" if final else "confirmed" if found.slot <= confirmed.slot else "processed"
    return {
        "confirmationStatus": word,
        "confirmations": None if final else tip.height - found.height,
        "err": found.error,
        "slot": found.slot,
        "status": {"Ok": None} if found.error is None else {"Err": found.error},
    }


def of_transaction(found: Landed, encoding: str, ledger: Ledger) -> dict[str, Any]:
    """Write a transaction in a block and what it did."""
    read = VersionedTransaction.from_bytes(found.transaction)
    of_v0 = isinstance(read.message, MessageV0)
    writable, readonly = found.loaded
    own = len(found.keys) - writable - readonly
    loaded = [str(key) for key in found.keys[own:]]
    encoded = [b64encode(found.transaction).decode(), encoding] if encoding == "base64" else _in_json(read)
    return {
        "blockTime": found.unix_s,
        "meta": {
            "computeUnitsConsumed": found.units,
            "err": found.error,
            "fee": found.fee,
            "innerInstructions": list(found.inner),
            "loadedAddresses": {"readonly": loaded[writable:], "writable": loaded[:writable]},
            "logMessages": list(found.logs),
            "postBalances": list(found.after),
            "postTokenBalances": _tokens(found.held_after, ledger),
            "preBalances": list(found.before),
            "preTokenBalances": _tokens(found.held_before, ledger),
            "rewards": [],
            "status": {"Ok": None} if found.error is None else {"Err": found.error},
        },
        "slot": found.slot,
        "transaction": encoded,
        "version": 0 if of_v0 else "legacy",
    }


def _in_json(read: VersionedTransaction) -> dict[str, Any]:
    message = read.message
    return {"message": _message(message), "signatures": [str(signature) for signature in read.signatures]}


def _message(message: AnyMessage) -> dict[str, Any]:
    header = message.header
    written: dict[str, Any] = {
        "accountKeys": [str(key) for key in message.account_keys],
        "header": {
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
            "numRequiredSignatures": header.num_required_signatures,
        },
        "instructions": [
            {
                "accounts": list(one.accounts),
                "data": base58_encode(bytes(one.data)),
                "programIdIndex": one.program_id_index,
                "stackHeight": 1,
            }
            for one in message.instructions
        ],
        "recentBlockhash": str(message.recent_blockhash),
    }
    if isinstance(message, MessageV0):
        written["addressTableLookups"] = [
            {
                "accountKey": str(lookup.account_key),
                "readonlyIndexes": list(bytes(lookup.readonly_indexes)),
                "writableIndexes": list(bytes(lookup.writable_indexes)),
            }
            for lookup in message.address_table_lookups
        ]
    return written


def _tokens(some: Iterable[Held], ledger: Ledger) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    for held in some:
        decimals = ledger.decimals(held.mint)
        shown = to_display(BaseUnits(held.amount), decimals)
        written.append(
            {
                "accountIndex": held.place,
                "mint": str(held.mint),
                "owner": str(held.owner),
                "programId": str(held.program),
                "uiTokenAmount": {
                    "amount": str(held.amount),
                    "decimals": decimals,
                    "uiAmount": float(shown) if held.amount else None,
                    "uiAmountString": shown,
                },
            }
        )
    return written
