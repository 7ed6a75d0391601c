"""An API that asks who its callers are, and the credentials that they come with."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, RSAAlgorithm

from bestfill.access import ID_BITS, SECRET_BITS, ApiKey, Scope, key_text, read_key
from bestfill.audit import AuditEntry, AuditFact
from bestfill.testing.clock import SeededEntropy
from bestfill.units import Millis
from bestfill_adapters.settings import AccessSettings, Settings
from tests.unit.api.house import House, house
from tests.unit.api.wires import connect

Headers: TypeAlias = dict[str, str]
EXTENSION = {"websocket.http.response": {}}
ISSUER, AUDIENCE = "https://issuer.example", "bestfill"
SECRET = b"a secret of at least 32 bytes, for tests"

_entropy = SeededEntropy(7)


@asynccontextmanager
async def keys(**wanted: Any) -> AsyncIterator[House]:
    """Open an API that takes keys."""
    async with house(settings=Settings(access=AccessSettings(auth="keys")), **wanted) as api:
        yield api


@asynccontextmanager
async def tokens(path: Path, **wanted: Any) -> AsyncIterator[House]:
    """Open an API that takes tokens; the file of keys must be there."""
    access = AccessSettings(auth="jwt", jwks=path, issuer=ISSUER, audience=AUDIENCE)
    async with house(settings=Settings(access=access), **wanted) as api:
        yield api


def bearer(credential: str) -> Headers:
    """Give the header that brings a credential."""
    return {"authorization": f"Bearer {credential}"}


async def key(api: House, user_id: str, *scopes: Scope, **how: Any) -> str:
    """Make a key, and give its text."""
    text = key_text(_entropy.bits(ID_BITS), _entropy.bits(SECRET_BITS))
    key_id, digest = read_key(text)
    made = ApiKey(id=key_id, digest=digest, user_id=user_id, scopes=frozenset(scopes), created_at=Millis(0), **how)
    await api.control.add_key(made, fact("key.create", key_id))
    return text


async def revoke(api: House, text: str) -> None:
    """Revoke a key."""
    key_id, _ = read_key(text)
    await api.control.end_key(key_id, api.clock.now(), fact("key.revoke", key_id))


def fact(action: str, subject: str) -> AuditFact:
    return AuditFact(at=Millis(0), actor="operator", origin="cli", action=action, subject=subject)


async def told(api: House) -> list[AuditEntry]:
    """Give what the audit log has, with all that has been noted."""
    auditor = api.container.auditor()
    auditor.start()
    await auditor.close()
    return api.control.log


@cache
def private(alg: str, number: int = 0) -> Any:
    """Give a private key, always the same for the same number."""
    if alg == "RS256":
        return rsa.generate_private_key(65_537, 2_048)
    return ec.generate_private_key(ec.SECP256R1()) if alg == "ES256" else SECRET + b"%d" % number


def public(alg: str, kid: str, number: int = 0, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give what a JWKS says of a key."""
    secret = private(alg, number)
    if alg == "HS256":
        jwk = HMACAlgorithm.to_jwk(secret, as_dict=True)
    else:
        kind = RSAAlgorithm if alg == "RS256" else ECAlgorithm
        jwk = kind.to_jwk(secret.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": kid, "alg": alg, **(more or {})}


def jwks(path: Path, *given: Mapping[str, Any]) -> Path:
    """Write a file of keys."""
    path.write_text(json.dumps({"keys": given}))
    path.chmod(0o600)
    return path


def token(
    alg: str = "ES256", kid: str = "one", number: int = 0, headers: Mapping[str, Any] | None = None, **claims: Any
) -> str:
    """Sign a token: by default a good one of ann's, who may trade. A claim that is None is left out."""
    now = int(time.time())
    wanted = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "scope": "trade", "iat": now, "exp": now + 3_600} | claims
    payload = {name: value for name, value in wanted.items() if value is not None}
    return jwt.encode(payload, private(alg, number), alg, headers={"kid": kid, **(headers or {})})


async def knock(api: House, url: str, headers: Mapping[str, str], **more: Any) -> str:
    """Try a socket whose stream has an event: the status of a refusal, the code of a close, or `open`."""
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    async with connect(api.app, url, headers=lines, answer="", **({"extensions": EXTENSION} | more)) as wire:
        if wire.answer["type"] != "websocket.accept":
            return str(wire.answer.get("status") or wire.answer["code"])
        message = await wire.outbox.get()
        return "open" if message["type"] == "websocket.send" else str(message["code"])
