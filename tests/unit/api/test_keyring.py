"""Keys: who is let in, how soon an end is heard of, and what happens while the store is away."""

import asyncio
from collections.abc import Sequence

import pytest
from attrs import define

from bestfill.access import ApiKey, Scope, key_text, read_key
from bestfill.audit import AuditFact
from bestfill.errors import Unauthorized
from bestfill.testing.clock import ManualClock
from bestfill.testing.control import MemoryControl
from bestfill.units import Millis
from bestfill_api.closing import Closing
from bestfill_api.edge import keyring
from bestfill_api.edge.identity import Lapse
from bestfill_api.edge.keyring import IDLE_S, SOCKET_TRUST_S, TRUST_S, UNKNOWN_S, Keyring
from bestfill_api.problems import NotReady

FACT = AuditFact(at=Millis(0), actor="", origin="", action="", subject="")


class Control(MemoryControl):
    """Notes what it is asked, and can hold the answer back."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.came, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()

    async def keys(self, key_ids: Sequence[str]) -> dict[str, ApiKey]:
        self.asked.append([*key_ids])
        self.came.set()
        await self.open.wait()
        return await super().keys(key_ids)


@define
class Ring:
    control: Control
    clock: ManualClock
    ring: Keyring
    now: float = 0.0

    async def key(self, number: int, expires_at: Millis | None = None) -> str:
        text = key_text(number, number)
        key_id, digest = read_key(text)
        scopes = frozenset({Scope.TRADE})
        key = ApiKey(
            id=key_id, digest=digest, user_id="ann", scopes=scopes, created_at=Millis(0), expires_at=expires_at
        )
        await self.control.add_key(key, FACT)
        return text

    async def revoke(self, text: str, at: Millis | None = None) -> None:
        await self.control.end_key(read_key(text)[0], self.clock.now() if at is None else at, FACT)


@pytest.fixture
async def keys() -> Ring:
    control, clock = Control(), ManualClock()
    ring = Ring(control, clock, Keyring(control, clock, lambda: ring.now))
    return ring


async def test_a_key_says_whose_it_is_and_is_looked_up_once(keys: Ring) -> None:
    text = await keys.key(1)
    held = await keys.ring.admit(text)
    who = held.principal
    assert (who.user_id, who.scopes, who.credential) == ("ann", {Scope.TRADE}, read_key(text)[0])
    assert await keys.ring.admit(text) is held
    assert len(keys.control.asked) == 1
    assert text not in repr(held) and read_key(text)[1].hex() not in repr(held)


@pytest.mark.parametrize("text", ["", "bf_", "Bearer x", "bf_000000000001_" + "0" * 47, "é" * 64, "0" * 8_000])
async def test_what_is_no_key_is_never_looked_up(keys: Ring, text: str) -> None:
    with pytest.raises(Unauthorized):
        await keys.ring.admit(text)
    assert keys.control.asked == []


async def test_another_secret_of_a_known_key_is_refused_as_an_unknown_key_is(keys: Ring) -> None:
    text = await keys.key(1)
    with pytest.raises(Unauthorized) as wrong:
        await keys.ring.admit(text[: -len("0001")] + "0002")
    with pytest.raises(Unauthorized) as unknown:
        await keys.ring.admit(key_text(2, 1))
    assert wrong.value.reason == unknown.value.reason
    await keys.ring.admit(text)


async def test_an_ended_key_says_why_but_only_to_its_holder(keys: Ring) -> None:
    text = await keys.key(1)
    await keys.revoke(text)
    with pytest.raises(Unauthorized, match="revoked"):
        await keys.ring.admit(text)
    with pytest.raises(Unauthorized, match="not a key"):
        await keys.ring.admit(text[:-1] + "2")
    expired = await keys.key(2, expires_at=keys.clock.now())
    with pytest.raises(Unauthorized, match="expired"):
        await keys.ring.admit(expired)
    assert len(keys.control.asked) == 2  # whoever goes on sending them costs the store nothing


async def test_a_revocation_is_heard_of_with_the_next_refresh(keys: Ring) -> None:
    text, other = await keys.key(1), await keys.key(2)
    held, kept = await keys.ring.admit(text), await keys.ring.admit(other)
    await keys.revoke(text)
    assert keys.ring.lapse(held) is None
    await keys.ring.refresh()
    assert keys.ring.lapse(held) == Lapse(Closing.ENDED, "the key has been revoked")
    assert keys.ring.lapse(kept) is None
    assert len(keys.control.asked) == 3  # both keys in one question
    with pytest.raises(Unauthorized, match="revoked"):
        await keys.ring.admit(text)


async def test_a_key_that_the_store_has_lost_is_good_no_more(keys: Ring) -> None:
    text = await keys.key(1)
    await keys.ring.admit(text)
    keys.control._keys.clear()
    await keys.ring.refresh()
    with pytest.raises(Unauthorized, match="not a key that is known"):
        await keys.ring.admit(text)


async def test_a_key_that_was_proven_once_needs_the_store_to_say_so_again_all_the_same(keys: Ring) -> None:
    text = await keys.key(1)
    await keys.ring.admit(text)
    keys.now += TRUST_S + 0.1
    await keys.revoke(text)
    with pytest.raises(Unauthorized, match="revoked"):
        await keys.ring.admit(text)


async def test_a_key_that_was_pushed_out_by_others_is_asked_about_again(keys: Ring, monkeypatch) -> None:
    monkeypatch.setattr(keyring, "KNOWN_MAX", 2)
    texts = [await keys.key(number) for number in range(3)]
    await keys.ring.admit(texts[0])
    keys.ring._proven = (proven := dict(keys.ring._proven))
    for text in texts[1:]:
        await keys.ring.admit(text)
    keys.ring._proven |= proven
    await keys.revoke(texts[0])
    with pytest.raises(Unauthorized, match="revoked"):
        await keys.ring.admit(texts[0])


async def test_an_answer_that_comes_late_undoes_no_later_one(keys: Ring) -> None:
    text = await keys.key(1)
    await keys.ring.admit(text)
    known = keys.ring._known[read_key(text)[0]]
    known.heard = keys.now + 1
    before = known.key
    await keys.revoke(text)
    await keys.ring.refresh()
    assert known.key == before
    keys.now += 1
    await keys.ring.refresh()
    with pytest.raises(Unauthorized, match="revoked"):
        await keys.ring.admit(text)


async def test_a_key_that_is_revoked_from_later_on_is_good_until_then(keys: Ring) -> None:
    text = await keys.key(1)
    held = await keys.ring.admit(text)
    await keys.revoke(text, Millis(keys.clock.now() + 10))
    await keys.ring.refresh()
    assert keys.ring.lapse(held) is None
    keys.clock.advance(10)
    assert keys.ring.lapse(held) is not None


async def test_an_expiry_needs_no_store(keys: Ring) -> None:
    held = await keys.ring.admit(await keys.key(1, expires_at=Millis(keys.clock.now() + 10)))
    keys.control.down = True
    keys.clock.advance(10)
    assert keys.ring.lapse(held) == Lapse(Closing.ENDED, "the key has expired")


async def test_while_the_store_is_away_known_keys_are_good_for_some_seconds(keys: Ring) -> None:
    text, other = await keys.key(1), await keys.key(2)
    held = await keys.ring.admit(text)
    keys.control.down = True
    await keys.ring.refresh()
    with pytest.raises(NotReady):
        await keys.ring.admit(other)
    keys.now = TRUST_S
    assert await keys.ring.admit(text) is held
    keys.now += 0.1
    with pytest.raises(NotReady):
        await keys.ring.admit(text)
    assert keys.ring.lapse(held) is None  # a socket goes on for longer
    keys.now = SOCKET_TRUST_S + 0.1
    lapse = keys.ring.lapse(held)
    assert lapse is not None and lapse.code == Closing.TRY_AGAIN
    keys.control.down = False
    keys.now += keyring.RETRY_S
    assert await keys.ring.admit(text) is held
    assert keys.ring.lapse(held) is None


async def test_a_store_that_is_away_is_not_asked_by_each_caller(keys: Ring) -> None:
    text = await keys.key(1)
    keys.control.down = True
    for _ in range(5):
        with pytest.raises(NotReady):
            await keys.ring.admit(text)
    assert len(keys.control.asked) == 1


async def test_whoever_comes_while_the_store_is_asked_goes_with_the_next_question(keys: Ring) -> None:
    texts = [await keys.key(number) for number in range(1, 5)]
    keys.control.open.clear()
    waiting = [asyncio.create_task(keys.ring.admit(text)) for text in (*texts, texts[0], texts[3])]
    await keys.control.came.wait()
    late = asyncio.create_task(keys.ring.admit(await keys.key(9)))
    await asyncio.sleep(0)
    waiting[0].cancel()  # who leaves takes nobody along
    keys.control.open.set()
    held = await asyncio.gather(*waiting[1:], late)
    assert [one.principal.user_id for one in held] == ["ann"] * 6
    assert [len(ids) for ids in keys.control.asked] == [4, 1]


async def test_an_unknown_id_is_remembered_for_a_moment_and_a_flood_of_them_fills_no_memory(
    keys: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "UNKNOWN_MAX", 10)
    text = key_text(77, 77)
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await keys.ring.admit(text)
    assert len(keys.control.asked) == 1
    for number in range(100, 150):
        with pytest.raises(Unauthorized):
            await keys.ring.admit(key_text(number, 0))
    assert len(keys.ring._unknown) == 10 and not keys.ring._known and not keys.ring._wanted
    await keys.key(77)
    keys.now = UNKNOWN_S
    assert (await keys.ring.admit(text)).principal.user_id == "ann"


async def test_keys_that_nobody_uses_are_forgotten_and_those_of_sockets_are_not(keys: Ring) -> None:
    held, _ = await keys.ring.admit(await keys.key(1)), await keys.ring.admit(await keys.key(2))
    for _ in range(int(IDLE_S) + 1):
        keys.now += 1
        assert keys.ring.lapse(held) is None
        await keys.ring.refresh()
    assert list(keys.ring._known) == [held.vouched_by]


async def test_a_bug_of_the_store_lets_nobody_in(keys: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    text = await keys.key(1)

    async def broken(_: Sequence[str]) -> dict[str, ApiKey]:
        raise RuntimeError

    monkeypatch.setattr(keys.control, "keys", broken)
    with pytest.raises(NotReady):
        await keys.ring.admit(text)
