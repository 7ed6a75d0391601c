"""`bestfill keys`: who may use the API, and for what."""

from collections.abc import Iterable
from typing import Any, Final

from bestfill.access import ID_BITS, SECRET_BITS, ApiKey, Scope, key_text, read_key
from bestfill.errors import Conflict, KeyNotFound, StoreError
from bestfill.units import Millis, iso
from bestfill_adapters.sql.control import SqlControl
from bestfill_adapters.system import SystemEntropy
from bestfill_cli.control import fact, now, work
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run
from bestfill_cli.screen import Cell, Column, Marked
from bestfill_cli.words import second

_COLUMNS: Final = (
    Column("key"),
    Column("user"),
    Column("scopes"),
    Column("state"),
    Column("created", rank=1),
    Column("ends", rank=1),
    Column("note", rank=2, wraps=True),
)
_STYLES: Final = {"live": "good", "expired": "dim", "revoked": "dim"}


def create(run: Run, user_id: str, scopes: Iterable[str], lasts_ms: int | None, note: str) -> Exit:
    """Make a key, and show it this once."""

    async def do(control: SqlControl) -> Exit:
        at = now()
        ends = None if lasts_ms is None else Millis(at + lasts_ms)
        key, text = _made(user_id, frozenset(map(Scope, scopes)), at, ends, note)
        await control.add_key(key, fact(at, "key.create", key.id, **_told(key)))
        _show(run, key, text, at)
        return Exit.DONE

    return work(run, do, make=True)


def all_keys(run: Run) -> Exit:
    """List the keys, oldest first; of none the secret, which is nowhere."""

    async def do(control: SqlControl) -> Exit:
        at, keys = now(), await control.all_keys()
        if run.json:
            run.screen.document({"keys": [_document(key, at) for key in keys]})
        elif keys:
            run.screen.table(_COLUMNS, [_row(key, at) for key in keys])
        else:
            run.screen.complain("there are no keys yet", "bestfill keys create makes one")
        return Exit.DONE

    return work(run, do)


def revoke(run: Run, key_id: str) -> Exit:
    """End a key now."""

    async def do(control: SqlControl) -> Exit:
        at, key_id_ = now(), _id(key_id)
        before = (await control.keys([key_id_])).get(key_id_)
        key = await control.end_key(key_id_, at, fact(at, "key.revoke", key_id_))
        if run.json:
            run.screen.document(_document(key, at))
        elif before is not None and not before.live(at):
            run.screen.say(f"key {key.id} of {key.user_id} had ended before: it is {_state(before, at)}")
        else:
            run.screen.say(f"key {key.id} of {key.user_id} is revoked")
        return Exit.DONE

    return work(run, do)


def rotate(run: Run, key_id: str, grace_ms: int) -> Exit:
    """Make a key as another is, which ends after a grace period."""

    async def do(control: SqlControl) -> Exit:
        at, old_id = now(), _id(key_id)
        old = (await control.keys([old_id])).get(old_id)
        if old is None:
            raise KeyNotFound("there is no such key")
        if not old.live(at):
            raise Conflict(f"the key is {_state(old, at)}: bestfill keys create makes a new one")
        ends = None if old.expires_at is None else Millis(at + old.expires_at - old.created_at)
        key, text = _made(old.user_id, old.scopes, at, ends, old.note)
        until = Millis(at + grace_ms)
        await control.add_key(key, fact(at, "key.rotate", key.id, follows=old_id, **_told(key)))
        try:
            await control.end_key(old_id, until, fact(at, "key.revoke", old_id, ends=iso(until), followed_by=key.id))
        except StoreError as error:
            # The new one is made, and nobody will ever see it again.
            _show(run, key, text, at)
            run.screen.complain(f"{error.reason}: the old key may be live", f"bestfill keys revoke {old_id} ends it")
            return Exit.UNREACHABLE
        _show(run, key, text, at)
        run.screen.complain(f"key {old_id} ends {iso(until) if grace_ms else 'now'}")
        return Exit.DONE

    return work(run, do)


def _made(user_id: str, scopes: frozenset[Scope], at: Millis, ends: Millis | None, note: str) -> tuple[ApiKey, str]:
    entropy = SystemEntropy()
    text = key_text(entropy.bits(ID_BITS), entropy.bits(SECRET_BITS))
    key_id, digest = read_key(text)
    key = ApiKey(id=key_id, digest=digest, user_id=user_id, scopes=scopes, note=note, created_at=at, expires_at=ends)
    return key, text


def _show(run: Run, key: ApiKey, text: str, at: Millis) -> None:
    if run.json:
        run.screen.document({"key": text, **_document(key, at)})
        return
    run.screen.complain(
        f"key {key.id} of {key.user_id} for {_scopes(key)}"
        + ("" if key.expires_at is None else f", until {second(iso(key.expires_at))}"),
        "it is shown this once, and kept nowhere: put it where it is needed now",
    )
    run.screen.say(text)


def _id(text: str) -> str:
    """Take an id, or a whole key, which is not to be repeated."""
    return text.split("_")[1] if text.startswith("bf_") else text


def _told(key: ApiKey) -> dict[str, str]:
    ends = {} if key.expires_at is None else {"expires": iso(key.expires_at)}
    return {"user": key.user_id, "scopes": _scopes(key)} | ends


def _scopes(key: ApiKey) -> str:
    return " ".join(sorted(key.scopes))


def _state(key: ApiKey, at: Millis) -> str:
    if key.live(at):
        return "live"
    return "revoked" if key.revoked_at is not None and key.revoked_at <= at else "expired"


def _ends(key: ApiKey) -> Millis | None:
    return min((at for at in (key.expires_at, key.revoked_at) if at is not None), default=None)


def _row(key: ApiKey, at: Millis) -> list[Cell]:
    state, ends = _state(key, at), _ends(key)
    return [
        key.id,
        key.user_id,
        _scopes(key),
        Marked(state, _STYLES[state]),
        second(iso(key.created_at)),
        None if ends is None else second(iso(ends)),
        key.note or None,
    ]


def _document(key: ApiKey, at: Millis) -> dict[str, Any]:
    return {
        "id": key.id,
        "userId": key.user_id,
        "scopes": sorted(key.scopes),
        "state": _state(key, at),
        "note": key.note,
        "createdAt": iso(key.created_at),
        "expiresAt": None if key.expires_at is None else iso(key.expires_at),
        "revokedAt": None if key.revoked_at is None else iso(key.revoked_at),
    }
