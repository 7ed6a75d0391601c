"""What is kept of who did what."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from bestfill.units import Millis

NOTHING_BEFORE: Final = bytes(32)
"""Stands for the hash of the entry before the first."""


@frozen(kw_only=True)
class AuditFact:
    """Something that somebody did, or was denied.

    `actor` is a credential's name or a part of the system (`worker`), `origin` an IP address, `cli` or empty, `action`
    such as `order.place`, `policy.deny`, `key.revoke`, `halt.set`; `subject` what it was done to. No secrets.
    """

    at: Millis
    actor: str
    origin: str
    action: str
    subject: str
    detail: Mapping[str, str] = field(factory=dict[str, str])


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
        detail = dict(sorted(fact.detail.items()))
        told = [self.seq, fact.at, fact.actor, fact.origin, fact.action, fact.subject, detail]
        text = json.dumps(told, separators=(",", ":"))
        return hashlib.sha256(self.prev_hash + text.encode()).digest()
