"""Tokens of an issuer (JWT, RFC 7519), held against its keys by Litestar's own."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWTError
from litestar.exceptions import NotAuthorizedException
from litestar.security.jwt import Token

from bestfill.access import Principal, Scope
from bestfill.errors import Unauthorized, ValidationError
from bestfill.ports import Clock
from bestfill.units import Millis
from bestfill_adapters.settings import SettingsError
from bestfill_adapters.settings.access import JWKS
from bestfill_api import fields
from bestfill_api.closing import Closing
from bestfill_api.edge.identity import Identity, Lapse
from bestfill_api.edge.keyset import SigningKey, Stamp, read, stamp
from bestfill_api.edge.visit import Pass

LEEWAY_S: Final = 5
"""How far the issuer's clock may be ahead of this one. No token is good after its end by either."""
CHECKED_MAX: Final = 10_000

_BAD: Final = "this is not a good token of the issuer, for this audience, with exp, iat and sub"
_EXPIRED: Final = "the token has expired"
_UNKNOWN: Final = "the token's key is not the issuer's any more"
_KEPT: Final = "the JWKS file does not do; the keys stay as they are"
_NO_TOKEN: Final = (
    PyJWTError,
    NotAuthorizedException,
    ValidationError,
    LookupError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
)
"""What may come of text that is no good token."""
_SCOPES: Final[Mapping[str, Scope]] = {scope.value: scope for scope in Scope}

log = logging.getLogger(__name__)


class AccessToken(Token):
    """Litestar's token, from an issuer whose clock may be a little ahead."""

    @classmethod
    def decode_payload(
        cls,
        encoded_token: str,
        secret: Any,
        algorithms: list[str],
        issuer: "str | Sequence[str] | None" = None,
        audience: "str | Sequence[str] | None" = None,
        options: Any = None,
    ) -> Any:
        """Verify the token and give its claims."""
        claims = jwt.decode(
            encoded_token,
            secret,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
            options=options,
            leeway=LEEWAY_S,
        )
        claims.pop("extras", None)  # Litestar's own name for all other claims
        claims["iat"] = min(claims["iat"], int(time.time()))
        return claims


class Tokens(Identity):
    """Admits the holders of tokens.

    Raises:
        SettingsError: the file of the issuer's keys does not do.
    """

    def __init__(self, path: Path, issuer: str, audience: str, clock: Clock) -> None:
        self._path, self._issuer, self._audience, self._clock = path, issuer, audience, clock
        self._checked: dict[bytes, Pass] = {}
        try:
            self._stamp: Stamp | None = stamp(path)
            self._take(read(path))
        except OSError as error:
            raise SettingsError([f"{JWKS}: {path} can't be read: {error.strerror}"]) from error
        except ValueError as error:
            raise SettingsError([f"{JWKS}: {path} does not do: {error}"]) from error

    async def admit(self, credential: str) -> Pass:
        """Say whose a token is."""
        digest = hashlib.sha256(credential.encode()).digest()
        if (held := self._checked.get(digest)) is None:
            held = self._read(credential)
            while len(self._checked) >= CHECKED_MAX:
                del self._checked[next(iter(self._checked))]
            self._checked[digest] = held
        if (lapse := self.lapse(held)) is not None:
            del self._checked[digest]
            raise Unauthorized(lapse.reason)
        return held

    def lapse(self, held: Pass) -> Lapse | None:
        """Say why a pass is not good any more."""
        expires_at = held.principal.expires_at
        if expires_at is None or self._clock.now() >= expires_at:
            return Lapse(Closing.ENDED, _EXPIRED)
        return None if held.vouched_by in self._marks else Lapse(Closing.ENDED, _UNKNOWN)

    async def refresh(self) -> None:
        """Read the file again if it has changed; one that does not do is not taken."""
        try:
            found = await asyncio.to_thread(stamp, self._path)
            if found == self._stamp:
                return
            self._stamp = found
            keys = await asyncio.to_thread(read, self._path)
        except OSError as error:
            if self._stamp is not None:
                log.error(_KEPT, extra={"path": str(self._path), "reason": str(error.strerror)})
            self._stamp = None
        except ValueError as error:
            log.error(_KEPT, extra={"path": str(self._path), "reason": str(error)})
        else:
            self._take(keys)
            log.info("the JWKS file has been read again", extra={"path": str(self._path), "keys": len(keys)})

    def _take(self, keys: Mapping[str, SigningKey]) -> None:
        self._keys, self._marks = keys, frozenset(key.mark for key in keys.values())

    def _read(self, text: str) -> Pass:
        try:
            key = self._keys[jwt.get_unverified_header(text)["kid"]]
            return Pass(self._principal(text, key), key.mark)
        except _NO_TOKEN as error:
            log.debug("token refused", extra={"reason": type(error.__cause__ or error).__name__})
            raise Unauthorized(_BAD) from None

    def _principal(self, text: str, key: SigningKey) -> Principal:
        token = AccessToken.decode(
            text,
            key.key,  # pyright: ignore[reportArgumentType] - it goes to PyJWT, which takes a key of its own
            key.alg,
            audience=self._audience,
            issuer=self._issuer,
            require_claims=("exp", "iat", "iss", "aud", "sub"),
        )
        named = token.extras.get("scope", "")
        scopes = named.split(" ") if isinstance(named, str) else ()
        return Principal(
            user_id=fields.user_id(token.sub),
            scopes=frozenset(_SCOPES[scope] for scope in scopes if scope in _SCOPES),
            credential=f"jwt:{token.sub}",
            expires_at=Millis(int(token.exp.timestamp() * 1000)),
        )
