"""Who asks, and what they may do."""

import enum
import hashlib
import re
from collections.abc import Set as AbstractSet
from typing import Final

from attrs import field, frozen

from bestfill.errors import ValidationError, plain
from bestfill.units import Millis

ID_BITS: Final = 60
SECRET_BITS: Final = 240
"""More than can be guessed, so a plain digest of it can be kept: nobody can find it by trying."""
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_CHARS: Final = ID_BITS // 5
_SECRET_CHARS: Final = SECRET_BITS // 5
_TEXT: Final = re.compile(f"bf_([{_ALPHABET}]{{{_ID_CHARS}}})_([{_ALPHABET}]{{{_SECRET_CHARS}}})")


class Scope(enum.StrEnum):
    """What a credential is good for."""

    READ = "read"
    """See one's own orders, quotes, tokens and figures of the engine."""
    TRADE = "trade"
    """Place and cancel orders, and all of READ."""
    ADMIN = "admin"
    """Halt and resume the engine, read its metrics. Nobody's orders come with it."""


@frozen(kw_only=True)
class Principal:
    """Who asks. `user_id` is whose orders are in reach: None where there is no access control, and all are.

    `credential` names what they came with, for the log and the audit: never a secret.
    """

    user_id: str | None
    scopes: AbstractSet[Scope]
    credential: str
    expires_at: Millis | None = None

    def may(self, scope: Scope) -> bool:
        """Say whether they may do what needs this scope."""
        return scope in self.scopes or (scope is Scope.READ and Scope.TRADE in self.scopes)


ANYBODY: Final = Principal(user_id=None, scopes=frozenset(Scope), credential="none")
"""Whoever asks where there is no access control."""


@frozen(kw_only=True)
class ApiKey:
    """A key as it is kept: of its secret only the digest."""

    id: str
    digest: bytes = field(repr=False)
    user_id: str
    scopes: frozenset[Scope]
    note: str = field(default="", converter=plain)
    created_at: Millis
    expires_at: Millis | None = None
    revoked_at: Millis | None = None

    def live(self, now: Millis) -> bool:
        """Say whether it still opens anything."""
        expires_at, revoked_at = self.expires_at, self.revoked_at
        return (expires_at is None or now < expires_at) and (revoked_at is None or now < revoked_at)


def key_text(id_bits: int, secret_bits: int) -> str:
    """Write a key as its owner is shown it, once: `bf_<id>_<secret>`, from ID_BITS and SECRET_BITS random bits."""
    return f"bf_{_base32(id_bits, _ID_CHARS)}_{_base32(secret_bits, _SECRET_CHARS)}"


def read_key(text: str) -> tuple[str, bytes]:
    """Give a key's id and the digest (SHA-256) of its secret.

    Raises:
        ValidationError: the text is no key.
    """
    if (match := _TEXT.fullmatch(text)) is None:
        raise ValidationError("is not a key of the form bf_…_…")
    return match[1], hashlib.sha256(match[2].encode()).digest()


def _base32(bits: int, chars: int) -> str:
    return "".join(_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(chars)))
