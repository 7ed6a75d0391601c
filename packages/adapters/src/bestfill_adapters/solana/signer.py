"""Whose signature swaps carry. The secret key stays in here: nothing gives it out again, or shows it."""

import os
import stat
from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Final, NoReturn, Protocol

import msgspec
from msgspec import Meta
from solders.keypair import Keypair

from bestfill.errors import ValidationError
from bestfill.units import base58_decode
from bestfill_adapters.settings import SettingsError, SolanaSettings
from bestfill_adapters.settings.solana import KEY, KEYPAIR

_FILE_MEND: Final = "must hold a JSON array of 64 bytes, as solana-keygen writes it"
_TEXT_MEND: Final = "must be a key of 64 bytes: base58, or a JSON array as solana-keygen writes it"
_MODES: Final = (0o600, 0o400)
_MAX_CHARS: Final = 1_000
"""More than any key takes as text."""
_MAX_BASE58_CHARS: Final = 88
_Array: Final = Annotated[list[Annotated[int, Meta(ge=0, le=255)]], Meta(min_length=64, max_length=64)]


class Signer(Protocol):
    """Signs for one wallet."""

    __slots__ = ()

    @property
    @abstractmethod
    def address(self) -> str:
        """The wallet's address: base58 of its public key."""

    @abstractmethod
    async def sign(self, message: bytes) -> bytes:
        """Give the Ed25519 signature (64 bytes) of a transaction's message."""


class KeypairSigner(Signer):
    """Signs with a key that this process holds."""

    __slots__ = ("_address", "_sign")

    def __init__(self, keypair: Keypair) -> None:
        self._address = str(keypair.pubkey())
        # Its method alone: a keypair shows its secret to whoever prints it.
        self._sign = keypair.sign_message

    @classmethod
    def from_file(cls, path: Path, variable: str = KEYPAIR) -> "KeypairSigner":
        """Read a keypair file as solana-keygen writes it: a JSON array of 64 bytes.

        Args:
            path: of the file.
            variable: the setting that names it, for errors.

        Raises:
            SettingsError: it can't be read, others may read it, or it is none; the message never shows what is in it.
        """
        return cls(_keypair(_read(path, variable), variable, _FILE_MEND))

    @classmethod
    def from_text(cls, text: str) -> "KeypairSigner":
        """Read a key as the environment has it: base58 of 64 bytes, or a JSON array.

        Raises:
            SettingsError: it is none; the message never shows it.
        """
        return cls(_keypair(text.encode(errors="replace"), KEY, _TEXT_MEND))

    @property
    def address(self) -> str:
        """The wallet's address."""
        return self._address

    async def sign(self, message: bytes) -> bytes:
        """Give the signature of a message."""
        return bytes(self._sign(message))

    def __repr__(self) -> str:
        return f"KeypairSigner({self._address})"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a signer can be neither copied nor pickled: its key stays where it is")


def make_signer(settings: SolanaSettings) -> KeypairSigner | None:
    """Make the signer that the settings name, or None if they name no key.

    Raises:
        SettingsError: its key can't be used; the message says why, and never shows it.
    """
    if settings.key is not None:
        return KeypairSigner.from_text(settings.key)
    return KeypairSigner.from_file(settings.keypair) if settings.keypair is not None else None


def _read(path: Path, variable: str) -> bytes:
    try:
        # Looked at as opened, so that nothing can take its place; without waiting, as a pipe would have it.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(file)
            problem = _unfit(found)
            content = b"" if problem else os.read(file, _MAX_CHARS + 1)
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        content, problem = b"", _unreadable(path, error)
    if problem:
        raise SettingsError([f"{variable}: {problem}"])
    return content


def _unfit(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "must be the path of a file"
    if found.st_uid != os.geteuid():
        return "the file belongs to another user than the one that runs this; run chown on it"
    if stat.S_IMODE(found.st_mode) not in _MODES:
        return "none but its owner may read or write the file; run chmod 600 on it"
    return ""


def _unreadable(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; solana-keygen new makes one"
    if path.is_symlink():
        return "must not be a symbolic link; name the file itself"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"the file can't be read ({reason or type(error).__name__}); see to it that whoever runs this may"


def _keypair(content: bytes, variable: str, mend: str) -> Keypair:
    key = _from_array(content) or _from_base58(content)
    if key is None or len(key) != 64:
        raise SettingsError([f"{variable}: {mend}"])
    keypair = Keypair.from_seed(key[:32])
    if bytes(keypair.pubkey()) != key[32:]:
        raise SettingsError([f"{variable}: the two halves of the key do not belong together; copy it again"])
    return keypair


def _from_array(content: bytes) -> bytes | None:
    try:
        return bytes(msgspec.json.decode(content, type=_Array))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _from_base58(content: bytes) -> bytes | None:
    try:
        text = content.decode("ascii").strip()
        return base58_decode(text) if len(text) <= _MAX_BASE58_CHARS else None
    except (ValidationError, ValueError):
        return None
