"""A socket ends with the credential that opened it."""

import asyncio
import time
from pathlib import Path

from bestfill.access import Scope
from bestfill.units import Millis
from bestfill_api.closing import Closing
from bestfill_api.edge.identity import Lapse
from bestfill_api.edge.keeper import Keeper
from bestfill_api.edge.visit import NO_PASS, Pass
from tests.unit.api.gate import Headers, bearer, jwks, key, keys, public, revoke, token, tokens
from tests.unit.api.house import House, without
from tests.unit.api.wires import connect


def lines(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def place(api: House, headers: Headers) -> str:
    answer = await api.http.post("/api/orders/execute", json=without("userId"), headers=headers)
    return answer.json()["orderId"]


async def test_a_revoked_keys_sockets_are_closed_and_others_go_on() -> None:
    async with keys() as api:
        text, kept = await key(api, "ann", Scope.TRADE), bearer(await key(api, "ann", Scope.READ))
        order_id = await place(api, bearer(text))
        async with (
            connect(api.app, f"/ws/{order_id}", headers=lines(bearer(text))) as of_order,
            connect(api.app, "/ws", headers=lines(bearer(text))) as of_user,
            connect(api.app, "/ws?since=0", headers=lines(kept)) as other,
        ):
            await of_order.event()
            await other.event()
            await revoke(api, text)
            await api.api.keeper().look()
            for wire in (of_order, of_user):
                assert await wire.closed() == (Closing.ENDED, "the key has been revoked")
            await place(api, kept | bearer(await key(api, "ann", Scope.TRADE)))
            assert (await other.event())["userSeq"] == 2
        assert api.api.keeper()._watched == {}


async def test_an_expired_keys_sockets_are_closed_though_the_store_is_away() -> None:
    async with keys() as api:
        ends = Millis(api.clock.now() + 1_000)
        headers = bearer(await key(api, "ann", Scope.READ, expires_at=ends))
        async with connect(api.app, "/ws", headers=lines(headers)) as wire:
            await api.api.keeper().look()
            api.control.down = True
            api.clock.advance(1_000)
            await api.api.keeper().look()
            assert await wire.closed() == (Closing.ENDED, "the key has expired")


async def test_a_tokens_sockets_end_with_it_or_with_its_issuers_key(tmp_path: Path) -> None:
    path, ends = jwks(tmp_path / "jwks.json", public("ES256", "one"), public("ES256", "two", 1)), int(time.time()) + 600
    async with tokens(path) as api:
        short, rotated = bearer(token(exp=ends)), bearer(token(kid="two", number=1))
        async with (
            connect(api.app, "/ws", headers=lines(short)) as first,
            connect(api.app, "/ws", headers=lines(rotated)) as second,
        ):
            jwks(path, public("ES256", "one"))
            await api.api.keeper().look()
            assert (await second.closed())[0] == Closing.ENDED
            api.clock.advance(ends * 1_000 - api.clock.now())
            await api.api.keeper().look()
            assert await first.closed() == (Closing.ENDED, "the token has expired")


class Doomed:
    """An identity by which every pass lapses once it is refreshed; the first refresh fails."""

    def __init__(self) -> None:
        self.looks = 0

    async def admit(self, _: str) -> Pass:
        return NO_PASS

    def lapse(self, _: Pass) -> Lapse | None:
        return Lapse(Closing.TRY_AGAIN, "") if self.looks > 1 else None

    async def refresh(self) -> None:
        self.looks += 1
        if self.looks == 1:
            raise RuntimeError


async def test_it_looks_again_and_again_and_a_bug_does_not_stop_it() -> None:
    identity, ended = Doomed(), asyncio.Event()
    keeper = Keeper(identity, look_s=0)
    keeper.start()
    with keeper.watching(NO_PASS, lambda _: ended.set()), keeper.watching(NO_PASS, lambda _: None):
        await asyncio.wait_for(ended.wait(), 10)
    await keeper.stop()
    assert keeper._watched == {} and identity.looks > 1


class Stuck(Doomed):
    """An identity by which every pass has lapsed, and which hears nothing new until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.looks, self.open = 2, asyncio.Event()

    async def refresh(self) -> None:
        await self.open.wait()


async def test_what_is_known_to_have_ended_waits_for_no_store() -> None:
    identity, ended = Stuck(), asyncio.Event()
    keeper = Keeper(identity)
    with keeper.watching(NO_PASS, lambda _: ended.set()):
        look = asyncio.create_task(keeper.look())
        await asyncio.wait_for(ended.wait(), 10)
        assert not look.done()
        identity.open.set()
        await look


async def test_without_access_control_there_is_nothing_to_look_for() -> None:
    keeper = Keeper(None)
    keeper.start()
    with keeper.watching(NO_PASS, lambda _: None):
        await keeper.look()
    await keeper.stop()
