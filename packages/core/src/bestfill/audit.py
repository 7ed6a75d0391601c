"""What is kept of who did what."""

import hashlib
import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted
from typing import Final

from attrs import field, frozen

from bestfill.errors import REASON_MAX_CHARS
from bestfill.units import Millis

NOTHING_BEFORE: Final = bytes(32)
"""Stands for the hash of the entry before the first."""

_to_json: Final = json.JSONEncoder(separators=(",", ":")).encode
"""Writes JSON in the one way that hashes go by. (`json.dumps` would make an encoder each time.)"""


def _fit(text: str) -> str:
    """Make any text fit for a row and a line. What can be shown stays as it is, so that two names stay two."""
    if len(text) <= REASON_MAX_CHARS and text.isprintable():
        return text
    short = text if len(text) <= REASON_MAX_CHARS else text[: REASON_MAX_CHARS - 1] + "…"
    return "".join(c if c.isprintable() else "\ufffd" for c in short)


def _all_fit(detail: Mapping[str, str]) -> dict[str, str]:
    return {_fit(name): _fit(told) for name, told in detail.items()}


@frozen(kw_only=True)
class AuditFact:
    """Something that somebody did, or was denied.

    `actor` is a credential's name or a part of the system (`worker`), `origin` an IP address, `cli` or empty, `action`
    such as `order.place`, `policy.deny`, `key.revoke`, `halt.set`; `subject` what it was done to. No secrets. Text that
    can't be stored, or is long, is made fit.
    """

    at: Millis
    actor: str = field(converter=_fit)
    origin: str = field(converter=_fit)
    action: str = field(converter=_fit)
    subject: str = field(converter=_fit)
    detail: Mapping[str, str] = field(factory=dict[str, str], converter=_all_fit)

    @property
    def detail_json(self) -> str:
        """`detail` as it is hashed and stored: a JSON object in ASCII, with sorted names."""
        return _to_json(dict(sorted(self.detail.items()))) if self.detail else "{}"


@frozen(kw_only=True)
class AuditEntry:
    """A fact in its place in the log, from seq 1 without gaps; `prev_hash` is that of the entry before."""

    seq: int
    fact: AuditFact
    prev_hash: bytes = field(repr=False)

    @property
    def hash(self) -> bytes:
        """The SHA-256 over the previous hash and the JSON array of all fields, in ASCII, `detail` with sorted names."""
        fact = self.fact
        texts = ",".join(map(quoted, (fact.actor, fact.origin, fact.action, fact.subject)))
        told = f"[{self.seq},{fact.at},{texts},{fact.detail_json}]"
        return hashlib.sha256(self.prev_hash + told.encode()).digest()
