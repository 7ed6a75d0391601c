"""Keys for engines that run as processes."""

from collections.abc import Mapping

from bestfill.access import ID_BITS, SECRET_BITS, ApiKey, Scope, key_text, read_key
from bestfill.audit import AuditFact
from bestfill_adapters.settings import load
from bestfill_adapters.sql.control.opening import opened
from bestfill_adapters.system import SystemClock, SystemEntropy


async def make_key(env: Mapping[str, str], user_id: str, *scopes: Scope) -> str:
    """Make a key for the engine with these settings, as `bestfill keys create` does, and give its text."""
    entropy, now = SystemEntropy(), SystemClock().now()
    text = key_text(entropy.bits(ID_BITS), entropy.bits(SECRET_BITS))
    key_id, digest = read_key(text)
    key = ApiKey(id=key_id, digest=digest, user_id=user_id, scopes=frozenset(scopes), created_at=now)
    async with opened(load(env), make=True) as control:
        fact = AuditFact(at=now, actor="operator", origin="cli", action="key.create", subject=key_id)
        await control.add_key(key, fact)
    return text


def bearer(key: str) -> dict[str, str]:
    """Give the header that brings a key."""
    return {"authorization": f"Bearer {key}"}
