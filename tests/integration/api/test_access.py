"""Access control as a process has it: keys from another process, refusals on the wire, and an end that is heard of."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from bestfill.access import ID_BITS, SECRET_BITS, ApiKey, Scope, key_text, read_key
from bestfill.audit import AuditFact
from bestfill.units import Millis
from bestfill_adapters.sql.control.sqlite import SqliteControl
from bestfill_adapters.sql.file import DATABASE, SqliteFile
from bestfill_adapters.system import SystemClock, SystemEntropy
from tests.deployed import until
from tests.embedded import environment, finished, started

ENTROPY, CLOCK = SystemEntropy(), SystemClock()


def fact(action: str) -> AuditFact:
    return AuditFact(at=CLOCK.now(), actor="operator", origin="cli", action=action, subject="key")


async def everything(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def test_a_key_opens_what_it_is_for_until_it_is_revoked_by_another_process(tmp_path: Path) -> None:
    text = key_text(ENTROPY.bits(ID_BITS), ENTROPY.bits(SECRET_BITS))
    key_id, digest = read_key(text)
    key = ApiKey(
        id=key_id, digest=digest, user_id="ann", scopes=frozenset({Scope.TRADE}), created_at=Millis(CLOCK.now())
    )
    async with started(tmp_path, BESTFILL_AUTH="keys", LOG_LEVEL="debug") as api:
        url = api.url.replace("http://", "ws://") + "/ws?since=0"
        offers = [Subprotocol("bestfill"), Subprotocol(f"bearer.{text}")]
        with pytest.raises(InvalidStatus) as caught:
            await connect(url, subprotocols=offers).__aenter__()
        refusal = caught.value.response
        assert (refusal.status_code, refusal.headers["content-type"]) == (401, "application/problem+json")
        assert json.loads(refusal.body or b"")["code"] == "UNAUTHORIZED"
        control = SqliteControl(SqliteFile(tmp_path / "var" / DATABASE))
        await control.add_key(key, fact("key.create"))
        opened = None
        while opened is None:  # for a second it is still believed that there is no such key
            with suppress(InvalidStatus):
                opened = await connect(url, subprotocols=offers).__aenter__()
        assert opened.subprotocol == "bestfill"
        order = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1"}
        headers = {"Authorization": f"Bearer {text}"}
        async with api.http.post(f"{api.url}/api/orders/execute", json=order, headers=headers) as answer:
            assert answer.status == 202
        assert json.loads(await opened.recv())["data"]["userId"] == "ann"
        await control.end_key(key_id, CLOCK.now(), fact("key.revoke"))
        with pytest.raises(ConnectionClosed) as ended:
            await everything(opened)
        assert ended.value.rcvd is not None
        assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (4401, "the key has been revoked")

        async def recorded() -> bool:  # the order a moment after it was placed
            actions = {entry.fact.action for entry in await control.entries()}
            return actions == {"key.create", "order.place", "key.revoke"}

        await until(recorded)
        await control.close()
    said = "\n".join(api.said)
    assert text not in said and digest.hex() not in said
    assert "error" not in {json.loads(line)["level"] for line in api.said}


async def test_an_engine_that_anybody_could_reach_does_not_start(tmp_path: Path) -> None:
    code, said = await finished(environment(tmp_path, HOST="0.0.0.0"))
    assert code == 2
    assert "BESTFILL_AUTH: must be keys or jwt" in said and "BESTFILL_OPEN_TO_ALL=true" in said
    assert not (tmp_path / "var").exists()
