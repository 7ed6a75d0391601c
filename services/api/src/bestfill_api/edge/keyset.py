"""The keys that tokens are signed with: a JWKS file (RFC 7517), read again when it changes."""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from attrs import field, frozen
from jwt import PyJWK
from jwt.exceptions import PyJWTError

FILE_MAX_BYTES: Final = 256 * 1024
KINDS: Final[Mapping[str, str]] = {"RS256": "RSA", "ES256": "EC", "HS256": "oct"}
"""Each algorithm that a token may be signed by, and the kind of its keys."""

_OTHERS: Final = 0o077
_RSA_MIN_BITS: Final = 2_048
_SECRET_MIN_BITS: Final = 256
_BITS_A_CHAR: Final = 6

Stamp = tuple[int, int, int]


@frozen
class SigningKey:
    """A key, and the one algorithm that it is for: never the one that a token asks for."""

    alg: str
    key: PyJWK = field(repr=False)
    mark: str = field(repr=False)
    """What only the same key has again."""


def stamp(path: Path) -> Stamp:
    """Give what changes when the file, or who may read it, does.

    Raises:
        OSError: it can't be looked at.
    """
    found = path.stat()
    return found.st_ctime_ns, found.st_size, found.st_ino


def read(path: Path) -> dict[str, SigningKey]:
    """Read the keys, by `kid`.

    Raises:
        ValueError: the file can't be read or does not do; says why, and never what is in it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from error
    if len(text) > FILE_MAX_BYTES:
        raise ValueError(f"must have at most {FILE_MAX_BYTES // 1024} KB")
    try:
        given = msgspec.json.decode(text, type=dict[str, Any])["keys"]
    except (msgspec.DecodeError, KeyError, RecursionError, UnicodeDecodeError):
        given = None
    if not isinstance(given, list) or not given:
        raise ValueError('must be a JSON object with "keys", a list of at least one key')
    keys: dict[str, SigningKey] = {}
    for number, one in enumerate(given, 1):
        kid, key = _key(one, f"key {number}")
        if kid in keys:
            raise ValueError(f"key {number} has the kid of one before")
        keys[kid] = key
    if mode & _OTHERS and any(key.alg == "HS256" for key in keys.values()):
        raise ValueError("it holds a secret, so none but its owner may read or write it: run chmod 600 on it")
    return keys


def _key(given: object, name: str) -> tuple[str, SigningKey]:
    if not isinstance(given, dict):
        raise ValueError(f"{name} must be a JSON object")
    values: dict[str, Any] = given
    kid, alg, kty = (values.get(part) for part in ("kid", "alg", "kty"))
    if not isinstance(kid, str) or not kid:
        raise ValueError(f"{name} must have a kid")
    if not isinstance(alg, str) or alg not in KINDS:
        raise ValueError(f"{name} must have an alg: one of {', '.join(KINDS)}")
    if kty != KINDS[alg]:
        raise ValueError(f"{name} must have kty {KINDS[alg]}, since its alg is {alg}")
    if "d" in values:
        raise ValueError(f"{name} holds a private key; it must hold the public part alone")
    if values.get("use", "sig") != "sig":
        raise ValueError(f"{name} is not for signatures: its use must be sig")
    try:
        key = PyJWK(values, algorithm=alg)
        _check_strength(key, alg, values)
    except (PyJWTError, TypeError, ValueError) as error:
        why = error.args[0] if type(error) is ValueError else "it can't be used"
        raise ValueError(f"{name}: {why}") from error
    mark = hashlib.sha256(msgspec.json.encode(values, order="deterministic")).hexdigest()
    return kid, SigningKey(alg, key, mark)


def _check_strength(key: PyJWK, alg: str, values: Mapping[str, Any]) -> None:
    if alg == "RS256" and key.key.key_size < _RSA_MIN_BITS:
        raise ValueError(f"its modulus must have at least {_RSA_MIN_BITS} bits")
    if alg == "ES256" and values.get("crv") != "P-256":
        raise ValueError("its curve must be P-256")
    if alg == "HS256" and len(str(values.get("k"))) * _BITS_A_CHAR < _SECRET_MIN_BITS:
        raise ValueError(f"its secret must have at least {_SECRET_MIN_BITS} bits")
