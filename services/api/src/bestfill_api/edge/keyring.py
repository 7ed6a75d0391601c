"""API keys: looked up in the control store, kept in memory, and asked about again each second."""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from attrs import define

from bestfill.access import ApiKey, Principal, read_key
from bestfill.errors import StoreError, Unauthorized, ValidationError
from bestfill.ports import Clock, ControlStore
from bestfill_api.closing import Closing
from bestfill_api.edge.identity import Identity, Lapse
from bestfill_api.edge.visit import Pass
from bestfill_api.problems import NotReady

T = TypeVar("T")

KNOWN_MAX: Final = 10_000
UNKNOWN_MAX: Final = 10_000
ASK_MAX: Final = 500
"""How many keys the store is asked about at once."""
UNKNOWN_S: Final = 1.0
"""How long it is believed that there is no such key."""
TRUST_S: Final = 5.0
"""How long a key is good without the store having said so again."""
SOCKET_TRUST_S: Final = 30.0
"""The same for sockets, which would all come back at once."""
IDLE_S: Final = 60.0
"""When a key that nobody uses is forgotten."""
RETRY_S: Final = 0.5

_BAD: Final = "this is not a key that is known here"
_REVOKED: Final = "the key has been revoked"
_EXPIRED: Final = "the key has expired"
_UNVOUCHED: Final = "whether the key is good can't be looked up now; try again"
_NO_DIGEST: Final = bytes(32)

log = logging.getLogger(__name__)


@define(eq=False)
class _Known:
    key: ApiKey
    held: Pass
    heard: float
    used: float


class Keyring(Identity):
    """Admits the holders of keys. Whoever asks for keys while the store is being asked goes with the next question.

    Keys that were revoked or have expired stay known, so that whoever goes on sending one costs the store nothing.
    """

    def __init__(self, control: ControlStore, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._control, self._clock, self._monotonic = control, clock, monotonic
        self._known: dict[str, _Known] = {}
        self._proven: dict[str, _Known] = {}
        """Whole keys that were good: who comes again need not prove it again."""
        self._unknown: dict[str, float] = {}
        self._wanted: dict[str, asyncio.Future[bool]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._failed: float | None = None
        """When the store could not be asked; None if it could, last."""

    async def admit(self, credential: str) -> Pass:
        """Say whose a key is."""
        known, now = self._proven.get(credential), self._monotonic()
        if known is None or now - known.heard > TRUST_S or self._known.get(known.key.id) is not known:
            known = await self._prove(credential, now)
        if (lapse := self._ended(known.key)) is not None:
            raise Unauthorized(lapse.reason)
        known.used = now
        return known.held

    def lapse(self, held: Pass) -> Lapse | None:
        """Say why a pass is not good any more."""
        known, now = self._known.get(held.vouched_by), self._monotonic()
        if known is None or now - known.heard > SOCKET_TRUST_S:
            return Lapse(Closing.TRY_AGAIN, _UNVOUCHED)
        known.used = now
        return self._ended(known.key)

    async def refresh(self) -> None:
        """Ask about all keys that are in use."""
        now = self._monotonic()
        self._known = {key_id: known for key_id, known in self._known.items() if now - known.used <= IDLE_S}
        self._proven = {text: known for text, known in self._proven.items() if now - known.used <= IDLE_S}
        key_ids = list(self._known)
        for begin in range(0, len(key_ids), ASK_MAX):
            await self._ask(key_ids[begin : begin + ASK_MAX])

    async def _prove(self, credential: str, now: float) -> _Known:
        try:
            key_id, digest = read_key(credential)
        except ValidationError:
            raise Unauthorized(_BAD) from None
        known = self._known.get(key_id)
        if known is None or now - known.heard > TRUST_S:
            known = await self._find(key_id, now)
        # As much is compared where there is no such key.
        good = hmac.compare_digest(digest, _NO_DIGEST if known is None else known.key.digest)
        if known is None or not good:
            raise Unauthorized(_BAD)
        _put(self._proven, credential, known, KNOWN_MAX)
        return known

    async def _find(self, key_id: str, now: float) -> _Known | None:
        if now - self._unknown.get(key_id, -UNKNOWN_S) < UNKNOWN_S:
            return None
        if self._failed is not None and now - self._failed < RETRY_S:
            raise NotReady(_UNVOUCHED)
        await self._look_up(key_id)
        return self._known.get(key_id)

    async def _look_up(self, key_id: str) -> None:
        if (done := self._wanted.get(key_id)) is None:
            done = self._wanted[key_id] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._keep_asking())
        # Others may wait for the same answer, so whoever leaves must not take it along.
        if not await asyncio.shield(done):
            raise NotReady(_UNVOUCHED)

    async def _keep_asking(self) -> None:
        try:
            while self._wanted:
                wanted = {key_id: self._wanted.pop(key_id) for key_id in list(self._wanted)[:ASK_MAX]}
                answered = False
                try:
                    answered = await self._ask(list(wanted))
                finally:
                    for done in wanted.values():
                        done.set_result(answered)
        finally:
            self._asking = None

    async def _ask(self, key_ids: Sequence[str]) -> bool:
        """Ask the store about keys, and keep what it says; say whether it answered."""
        asked = self._monotonic()  # before the question: the answer is no newer
        try:
            found = await self._control.keys(key_ids)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody has vouched for anybody
            if self._failed is None:
                reason = error.reason if isinstance(error, StoreError) else type(error).__name__
                log.error("keys not looked up; will try again", extra={"reason": reason})
            self._failed = asked
            return False
        self._failed = None
        for key_id in key_ids:
            if (key := found.get(key_id)) is None:
                self._known.pop(key_id, None)
                _put(self._unknown, key_id, asked, UNKNOWN_MAX)
            elif (known := self._known.get(key_id)) is not None:
                if asked >= known.heard:  # or somebody has asked later, and heard sooner
                    known.key, known.heard = key, asked
            else:
                self._unknown.pop(key_id, None)
                _put(self._known, key_id, _Known(key, _pass(key), asked, asked), KNOWN_MAX)
        return True

    def _ended(self, key: ApiKey) -> Lapse | None:
        if key.expires_at is None and key.revoked_at is None:
            return None
        now = self._clock.now()
        if key.live(now):
            return None
        return Lapse(Closing.ENDED, _REVOKED if key.revoked_at is not None and key.revoked_at <= now else _EXPIRED)


def _pass(key: ApiKey) -> Pass:
    who = Principal(user_id=key.user_id, scopes=key.scopes, credential=key.id, expires_at=key.expires_at)
    return Pass(who, key.id)


def _put(table: dict[str, T], key_id: str, value: T, most: int) -> None:
    """Put something into a table of bounded size, for what was put there first."""
    table.pop(key_id, None)
    while len(table) >= most:
        del table[next(iter(table))]
    table[key_id] = value
