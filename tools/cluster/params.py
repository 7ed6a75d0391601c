"""What a call brings, read as nodes read it, and the errors that they answer."""

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Final

from solders.message import MessageV1
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bestfill.errors import ValidationError
from bestfill.units import base58_decode
from tools.cluster.node import COMMITMENTS

TRANSACTION_MAX_BYTES: Final = 1_232
KEYS_MAX: Final = 100
SLOTS_MAX: Final = 500_000
SIGNATURES_MAX: Final = 256

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
BLOCK_CLEANED_UP: Final = -32001
PREFLIGHT_FAILURE: Final = -32002
SIGNATURE_FAILURE: Final = -32003
BLOCK_NOT_AVAILABLE: Final = -32004
SLOT_SKIPPED: Final = -32007
UNSUPPORTED_VERSION: Final = -32015
MIN_SLOT_NOT_REACHED: Final = -32016

_BASE64_MAX: Final = 1_644
_BASE58_MAX: Final = 1_683
_U64_MAX: Final = 2**64 - 1


class RpcError(Exception):
    """An error of JSON-RPC: its code, message and data."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


def invalid(message: str) -> RpcError:
    """Make the error of a call whose parameters are wrong."""
    return RpcError(INVALID_PARAMS, message)


class Params:
    """The parameters of one call."""

    def __init__(self, params: Sequence[Any]) -> None:
        self._params = params

    def text(self, place: int) -> str:
        """Give the parameter at a place, a text."""
        value = self._at(place)
        if type(value) is not str:
            raise invalid("Invalid params: invalid type: expected a string.")
        return value

    def number(self, place: int) -> int:
        """Give the parameter at a place, a u64."""
        value = self._at(place)
        if type(value) is not int or not 0 <= value <= _U64_MAX:
            raise invalid("Invalid params: invalid type: expected u64.")
        return value

    def texts(self, place: int, most: int) -> list[str]:
        """Give the parameter at a place, at most `most` texts; none, if there is no such place."""
        value = self._params[place] if place < len(self._params) else []
        if type(value) is not list or any(type(one) is not str for one in value):
            raise invalid("Invalid params: invalid type: expected a sequence of strings.")
        if len(value) > most:
            raise invalid(f"Too many inputs provided; max {most}")
        return value

    def config(self, place: int) -> "Config":
        """Give the options at a place; none, if they are left out."""
        value = self._params[place] if place < len(self._params) else None
        if value is not None and type(value) is not dict:
            raise invalid("Invalid params: invalid type: expected an object.")
        return Config(value or {})

    def _at(self, place: int) -> Any:
        if place >= len(self._params):
            raise invalid("`params` should have at least " + f"{place + 1} argument(s)")
        return self._params[place]


class Config:
    """The options of one call; nodes overlook those that they do not know."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options

    def flag(self, name: str) -> bool:
        """Give an option that is true or false; false, if it is left out."""
        return bool(self._of(name, bool, "a boolean"))

    def number(self, name: str) -> int | None:
        """Give an option that is a u64."""
        value = self._of(name, int, "u64")
        if value is not None and not 0 <= value <= _U64_MAX:
            raise invalid("Invalid params: invalid value: expected u64.")
        return value

    def word(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Give an option that is one of some words."""
        value = self._of(name, str, "a string")
        if value is not None and value not in allowed:
            raise invalid(f"Invalid params: unknown variant `{value}`, expected one of {', '.join(allowed)}.")
        return default if value is None else value

    def commitment(self, name: str = "commitment") -> str:
        """Give the commitment; finalized, if it is left out."""
        return self.word(name, COMMITMENTS, "finalized")

    def has(self, name: str) -> bool:
        """Say whether an option is given."""
        return self._options.get(name) is not None

    def inner(self, name: str) -> "Config":
        """Give an option that has options itself."""
        return Config(self._of(name, dict, "an object"))

    def _of(self, name: str, kind: type, called: str) -> Any:
        value = self._options.get(name)
        if value is not None and type(value) is not kind:
            raise invalid(f"Invalid params: invalid type: expected {called}.")
        return value


def pubkey(text: str) -> Pubkey:
    """Read an address."""
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise invalid("Invalid param: " + ("WrongSize" if len(text) < 32 or len(text) > 44 else "Invalid")) from None


def signature(text: str) -> str:
    """Check that a text is base58 of 64 bytes."""
    try:
        size = len(base58_decode(text)) if len(text) <= 90 else 0
    except ValidationError:
        size = 0
    if size != 64:
        raise invalid("Invalid param: WrongSize")
    return text


@lru_cache(maxsize=4_096)  # the same bytes are sent many times
def sent(text: str, encoding: str) -> "Sent":
    """Read an encoded transaction."""
    most = _BASE64_MAX if encoding == "base64" else _BASE58_MAX
    too_large = "solana_transaction::versioned::VersionedTransaction too large"
    if len(text) > most:
        raise invalid(f"{encoding} encoded {too_large}: {len(text)} bytes (max: encoded/raw {most}/1232)")
    try:
        raw = b64decode(text, validate=True) if encoding == "base64" else base58_decode(text)
    except (binascii.Error, ValidationError, ValueError):
        raise invalid(f"invalid {encoding} encoding") from None
    if len(raw) > TRANSACTION_MAX_BYTES:
        raise invalid(f"decoded {too_large}: {len(raw)} bytes (max: {TRANSACTION_MAX_BYTES} bytes)")
    try:
        read = VersionedTransaction.from_bytes(raw)
        read.sanitize()
    except Exception as error:  # noqa: BLE001 - solders has several that share no class
        raise invalid(f"invalid transaction: {error}") from None
    if isinstance(read.message, MessageV1):
        raise invalid("invalid transaction: only legacy transactions and those of version 0 are known here")
    if bytes(read) != raw:
        raise invalid("invalid transaction: bytes are left over")
    return Sent(read)


class Sent:
    """A transaction as sent."""

    def __init__(self, transaction: VersionedTransaction) -> None:
        self.transaction = transaction
        self.signature = str(transaction.signatures[0])

    @cached_property
    def signed(self) -> bool:
        """Whether all its signatures are of its message."""
        return all(self.transaction.verify_with_results())
