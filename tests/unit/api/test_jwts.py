"""Tokens: which are good, by whose key, and none that asks to be believed otherwise."""

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bestfill.access import Scope
from bestfill.errors import Unauthorized
from bestfill.testing.clock import ManualClock
from bestfill_adapters.settings import SettingsError
from bestfill_api.closing import Closing
from bestfill_api.edge import jwts
from bestfill_api.edge.identity import Lapse
from bestfill_api.edge.jwts import LEEWAY_S, Tokens
from tests.unit.api.gate import AUDIENCE, ISSUER, jwks, private, public, token

NOW = int(time.time())
"""When the tests were collected: some minutes ago, perhaps."""


def issued(path: Path, *given: dict[str, Any]) -> Tokens:
    """Give what takes tokens by these keys."""
    return Tokens(jwks(path / "jwks.json", *given), ISSUER, AUDIENCE, ManualClock())


@pytest.fixture
def taking(tmp_path: Path) -> Tokens:
    """Give what takes tokens by one key of each kind."""
    return issued(tmp_path, public("ES256", "one"), public("RS256", "two"), public("HS256", "three"))


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: object, secret: bytes | None = None, **claims: object) -> str:
    """Write a token by hand, signed by a shared secret or not at all."""
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "scope": "admin", "iat": NOW, "exp": NOW + 90_000} | claims
    text = f"{part(header)}.{part(body)}"
    signature = b"" if secret is None else hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{part(signature)}"


@pytest.mark.parametrize(("alg", "kid"), [("ES256", "one"), ("RS256", "two"), ("HS256", "three")])
async def test_a_good_token_says_who_comes_and_until_when(taking: Tokens, alg: str, kid: str) -> None:
    text = token(alg, kid, scope="openid trade  unheard-of", aud=[AUDIENCE, "others"], exp=NOW + 90_000)
    held = await taking.admit(text)
    who = held.principal
    assert (who.user_id, who.scopes, who.credential, who.expires_at) == (
        "ann",
        {Scope.TRADE},
        "jwt:ann",
        (NOW + 90_000) * 1_000,
    )
    assert await taking.admit(text) is held
    assert text not in repr(held)


@pytest.mark.parametrize("scope", [None, "", "TRADE", "trade,admin", ["trade"], 7, "reader"])
async def test_scopes_that_are_not_named_plainly_are_not_given(taking: Tokens, scope: object) -> None:
    held = await taking.admit(token(scope=scope, extras={"scope": "admin"}))
    assert held.principal.scopes == frozenset()


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"aud": [AUDIENCE.upper()]},
        {"exp": NOW - 1},
        {"exp": None},
        {"exp": "never"},
        {"exp": 10**30},
        {"nbf": NOW + 90_000},
        {"iat": NOW + 90_000},
        {"iat": None},
        {"iat": "now"},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\nb"},
        {"sub": "x" * 129},
        {"sub": 7},
        {"sub": "ann", "jti": {"a": 1}},
    ],
    ids="-".join,
)
async def test_a_token_with_a_bad_claim_is_refused(taking: Tokens, claims: dict[str, Any]) -> None:
    await taking.admit(token())
    with pytest.raises(Unauthorized):
        await taking.admit(token(**claims))


async def test_an_issuers_clock_may_be_a_little_ahead(taking: Tokens) -> None:
    now = int(time.time())
    assert await taking.admit(token(iat=now + LEEWAY_S - 2, nbf=now + LEEWAY_S - 2))


async def test_no_token_chooses_how_it_is_checked(taking: Tokens) -> None:
    pem = private("RS256").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    modulus = public("RS256", "two")["n"].encode()
    secret = private("HS256")
    for text in (
        forged({"alg": "none", "kid": "one"}),
        forged({"alg": "None", "kid": "three"}),
        forged({"alg": "HS256", "kid": "two"}, pem),  # the public key as a shared secret
        forged({"alg": "HS256", "kid": "two"}, modulus),
        forged({"alg": "HS512", "kid": "three"}, secret),
        forged({"alg": "HS256"}, secret),  # no kid
        forged({"alg": "HS256", "kid": "four"}, secret),
        forged({"alg": "HS256", "kid": ["three"]}, secret),
        forged({"alg": "HS256", "kid": {}}, secret),
        forged({"alg": "HS256", "kid": "three", "crit": ["exp"]}, secret),
        forged({"alg": "HS256", "kid": "three", "jku": "https://evil.example/jwks"}, b"theirs" * 8),
        forged({"alg": "HS256", "kid": "three", "jwk": {"kty": "oct", "k": part(b"theirs" * 8)}}, b"theirs" * 8),
        token("ES256", "two"),
        token("RS256", "one"),
        token("ES256", "one", number=1),
    ):
        with pytest.raises(Unauthorized):
            await taking.admit(text)
    assert await taking.admit(forged({"alg": "HS256", "kid": "three"}, secret))  # so that was not why


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "bf_000000000001_" + "0" * 48,
        f"{part(b'[' * 5_000)}.{part({})}.x",
        f"{part([])}.{part({})}.x",
        f"{part('x')}.{part({})}.x",
        f"{part(b'{' + bytes([255]) + b'}')}.{part({})}.x",
        "é.é.é",
    ],
    ids=lambda text: repr(text[:12]),
)
async def test_what_is_no_token_is_refused(taking: Tokens, text: str) -> None:
    with pytest.raises(Unauthorized):
        await taking.admit(text)


async def test_a_changed_token_is_refused(taking: Tokens) -> None:
    head, body, signature = token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | {"sub": "bob"}
    for text in (f"{head}.{part(claims)}.{signature}", f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA"):
        with pytest.raises(Unauthorized):
            await taking.admit(text)


async def test_a_token_that_was_good_ends_with_its_time(tmp_path: Path) -> None:
    clock = ManualClock()
    taking = Tokens(jwks(tmp_path / "j", public("ES256", "one")), ISSUER, AUDIENCE, clock)
    text = token(exp=NOW + 90_000)
    held = await taking.admit(text)
    assert taking.lapse(held) is None
    clock.advance((NOW + 90_000) * 1_000 - clock.now())
    assert taking.lapse(held) == Lapse(Closing.ENDED, "the token has expired")
    with pytest.raises(Unauthorized, match="expired"):
        await taking.admit(text)
    assert not taking._checked


async def test_tokens_fill_no_memory(taking: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwts, "CHECKED_MAX", 5)
    for number in range(12):
        await taking.admit(token("HS256", "three", jti=str(number)))
    assert len(taking._checked) == 5


async def test_a_changed_file_is_read_again_and_who_is_not_in_it_any_more_is_out(tmp_path: Path) -> None:
    taking = issued(tmp_path, public("ES256", "one"), public("ES256", "old", 1))
    held, old = await taking.admit(token()), await taking.admit(token(kid="old", number=1))
    jwks(tmp_path / "jwks.json", public("ES256", "one"), public("ES256", "old", 2))  # another key of the same name
    await taking.refresh()
    assert taking.lapse(held) is None
    assert taking.lapse(old) == Lapse(Closing.ENDED, "the token's key is not the issuer's any more")
    with pytest.raises(Unauthorized):
        await taking.admit(token(kid="old", number=1))
    assert await taking.admit(token(kid="old", number=2))


def _damage(path: Path) -> None:
    path.write_text("{")


@pytest.mark.parametrize("harm", [_damage, Path.unlink], ids=["bad", "gone"])
async def test_a_bad_new_file_is_told_once_and_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    taking, path = issued(tmp_path, public("ES256", "one")), tmp_path / "jwks.json"
    harm(path)
    await taking.refresh()
    await taking.refresh()
    assert [r.levelno for r in caplog.records] == [logging.ERROR]
    assert await taking.admit(token())
    jwks(path, public("ES256", "one", 1), public("ES256", "two", 2))
    await taking.refresh()
    with pytest.raises(Unauthorized):
        await taking.admit(token())
    assert await taking.admit(token(number=1))


BAD: list[tuple[object, str]] = [
    ("{", "list of at least one key"),
    ([], "list of at least one key"),
    ({"keys": []}, "list of at least one key"),
    ({"keys": {}}, "list of at least one key"),
    ({"keys": ["x"]}, "key 1 must be a JSON object"),
    ({"keys": [public("ES256", "")]}, "key 1 must have a kid"),
    ({"keys": [public("ES256", "a", more={"alg": "none"})]}, "key 1 must have an alg"),
    ({"keys": [public("ES256", "a", more={"alg": "ES512"})]}, "key 1 must have an alg"),
    ({"keys": [public("ES256", "a", more={"alg": "HS256"})]}, "key 1 must have kty oct"),
    ({"keys": [public("ES256", "a"), public("ES256", "a", 1)]}, "key 2 has the kid of one before"),
    ({"keys": [public("ES256", "a", more={"crv": "P-384"})]}, "key 1: "),
    ({"keys": [public("ES256", "a", more={"x": "!"})]}, "key 1: "),
    ({"keys": [public("ES256", "a", more={"d": "hunter2"})]}, "key 1 holds a private key"),
    ({"keys": [public("ES256", "a", more={"use": "enc"})]}, "its use must be sig"),
    ({"keys": [public("HS256", "a", more={"k": "aHVudGVyMg"})]}, "its secret must have at least 256 bits"),
    (
        {"keys": [{"kty": "RSA", "alg": "RS256", "kid": "a", "e": "AQAB", "n": part(b"\xff" * 128)}]},
        "its modulus must have at least 2048 bits",
    ),
]


@pytest.mark.parametrize(("content", "why"), BAD, ids=[why for _, why in BAD])
def test_a_file_that_does_not_do_is_refused_with_the_mend(tmp_path: Path, content: object, why: str) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(SettingsError, match="BESTFILL_JWT_JWKS: ") as caught:
        Tokens(path, ISSUER, AUDIENCE, ManualClock())
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value) and "aHVudGVyMg" not in str(caught.value)


def test_a_file_with_a_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = jwks(tmp_path / "jwks.json", public("ES256", "one"), public("HS256", "three"))
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="BESTFILL_JWT_JWKS: .*chmod 600"):
        Tokens(path, ISSUER, AUDIENCE, ManualClock())
    jwks(path, public("ES256", "one")).chmod(0o644)
    Tokens(path, ISSUER, AUDIENCE, ManualClock())


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BESTFILL_JWT_JWKS: .*nowhere can't be read"):
        Tokens(tmp_path / "nowhere", ISSUER, AUDIENCE, ManualClock())
