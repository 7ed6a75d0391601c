"""What an entry of the audit log is hashed from."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from bestfill.audit import AuditEntry, AuditFact
from bestfill.errors import REASON_MAX_CHARS
from bestfill.units import Millis

TEXTS = st.text(max_size=2 * REASON_MAX_CHARS)


@given(
    seq=st.integers(1),
    at=st.integers(0, 2**62),
    texts=st.tuples(TEXTS, TEXTS, TEXTS, TEXTS),
    detail=st.dictionaries(TEXTS, TEXTS, max_size=4),
    prev_hash=st.binary(min_size=32, max_size=32),
)
def test_an_entry_is_hashed_as_the_json_of_all_its_fields(
    seq: int, at: int, texts: tuple[str, str, str, str], detail: dict[str, str], prev_hash: bytes
):
    actor, origin, action, subject = texts
    fact = AuditFact(at=Millis(at), actor=actor, origin=origin, action=action, subject=subject, detail=detail)
    fields = [seq, at, fact.actor, fact.origin, fact.action, fact.subject, dict(sorted(fact.detail.items()))]
    told = json.dumps(fields, separators=(",", ":")).encode()
    assert AuditEntry(seq=seq, fact=fact, prev_hash=prev_hash).hash == hashlib.sha256(prev_hash + told).digest()
    assert json.loads(fact.detail_json) == fact.detail


@given(TEXTS)
def test_any_text_is_made_fit_and_fit_text_is_left_alone(text: str):
    fact = AuditFact(at=Millis(0), actor=text, origin="", action="", subject="")
    assert fact.actor.isprintable() and len(fact.actor) <= REASON_MAX_CHARS
    assert fact.actor == text or not text.isprintable() or len(text) > REASON_MAX_CHARS
