"""Bytes are believed to be a transaction only if they are one, whole, and signed by who must."""

import random

import pytest
from solders.message import MessageV0, to_bytes_versioned
from solders.transaction import VersionedTransaction

from bestfill.errors import ExecutionError
from bestfill.units import base58_decode
from bestfill_adapters.solana.transaction import assemble, read_message, signature_of, split
from tests.unit.adapters.solana.toys import AUTHORITY, PLANS, WALLET, built, key

MESSAGE = built(PLANS["two legs"])
SIGNATURES = {WALLET: bytes(key(1).sign_message(MESSAGE)), AUTHORITY: bytes(key(2).sign_message(MESSAGE))}
WHOLE = assemble(MESSAGE, SIGNATURES)


def test_a_signed_transaction_is_what_other_software_reads():
    read = VersionedTransaction.from_bytes(WHOLE)
    assert read.verify_with_results() == [True, True]
    assert to_bytes_versioned(read.message) == MESSAGE
    assert str(read.signatures[0]) == signature_of(WHOLE)
    assert base58_decode(signature_of(WHOLE)) == SIGNATURES[WALLET]


def test_a_transaction_is_parted_as_it_was_put_together():
    assert split(WHOLE) == (tuple(SIGNATURES.values()), MESSAGE)


@pytest.mark.parametrize(
    ("signatures", "reason"),
    [
        ({}, "exactly those"),
        ({WALLET: SIGNATURES[WALLET]}, "exactly those"),
        ({**SIGNATURES, str(key(3).pubkey()): bytes(64)}, "exactly those"),
        ({**SIGNATURES, AUTHORITY: SIGNATURES[WALLET]}, f"{AUTHORITY} is not of this transaction"),
        ({**SIGNATURES, WALLET: bytes(64)}, f"{WALLET} is not of this transaction"),
        ({**SIGNATURES, WALLET: SIGNATURES[WALLET][:-1]}, f"{WALLET} is not of this transaction"),
        ({**SIGNATURES, WALLET: bytes(key(1).sign_message(MESSAGE[1:]))}, f"{WALLET} is not of this transaction"),
    ],
)
def test_signatures_that_are_not_of_the_message_are_refused(signatures: dict[str, bytes], reason: str):
    with pytest.raises(ExecutionError, match=reason):
        assemble(MESSAGE, signatures)


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\0",
        b"\x01",
        b"\0" + MESSAGE,
        b"\x01" + WHOLE[1:],
        b"\x03" + bytes(64) + WHOLE[1:],
        b"\x82\0" + WHOLE[1:],
        b"\xff" * 1_232,
        WHOLE[:-1],
        WHOLE + b"\0",
        WHOLE[:129] + WHOLE[130:],
        bytes(100_000),
        WHOLE[:129] + bytes(VersionedTransaction.from_bytes(WHOLE).message),
    ],
    ids=lambda hostile: repr(hostile[:8]),
)
def test_bytes_that_are_no_transaction_are_refused(hostile: bytes):
    for read in (split, signature_of):
        with pytest.raises(ExecutionError):
            read(hostile)


def test_no_bytes_make_the_parser_fail_in_any_other_way():
    chance = random.Random(5)
    read = 0
    for _ in range(3_000):
        bent = bytearray(MESSAGE)
        for _ in range(chance.choice((1, 1, 2, 5))):
            bent[chance.randrange(len(bent))] = chance.randrange(256)
        try:
            read_message(bytes(bent[: chance.choice((None, None, chance.randrange(len(bent))))]))
            read += 1
        except ExecutionError:
            continue
    assert 500 < read < 2_500


def test_accounts_have_the_flags_that_the_header_gives_them():
    read = MessageV0.from_bytes(MESSAGE[1:])
    places = {str(account): n for n, account in enumerate(read.account_keys)}
    for instruction in read_message(MESSAGE).instructions:
        for meta in instruction.accounts:
            assert meta.signer == read.is_signer(places[meta.address])
            assert meta.writable == read.is_maybe_writable(places[meta.address])
