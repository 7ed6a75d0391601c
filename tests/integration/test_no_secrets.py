"""No secret, key or signed transaction is in any log, metric, error, answer, trace or audit entry, whatever fails."""

import base64
import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bestfill.access import ID_BITS, SECRET_BITS, ApiKey, Scope, key_text, read_key
from bestfill.audit import AuditFact
from bestfill.events import OrderEvent
from bestfill.quote import SignedSwap
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId, base58_encode
from bestfill_adapters import logs
from bestfill_adapters.container import Embedded
from bestfill_adapters.container.deployed import Deployed, connected
from bestfill_adapters.system import SystemEntropy
from bestfill_adapters.telemetry.instruments import Instruments
from bestfill_adapters.telemetry.otel import OtelTelemetry
from bestfill_api.app import create_app, embedded
from tests.deployed import ORDER, until

PASSWORD = "hunter2-of-the-database"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give all that is logged, from debug on, as it would be written."""
    root, noisy = logging.getLogger(), logging.getLogger("opentelemetry")
    before = root.handlers[:], root.level, noisy.level
    names = ("bestfill", "bestfill_adapters", "bestfill_api", "bestfill_worker")
    levels = {name: logging.getLogger(name).level for name in names}
    flags = logging.logThreads, logging.logProcesses, logging.logMultiprocessing, logging._srcfile
    stream = io.StringIO()
    logs.configure("debug", stream)
    root.setLevel(logging.DEBUG)  # of libraries too
    yield stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    noisy.setLevel(before[2])
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing, logging._srcfile = flags


def forms(secret: bytes) -> dict[str, str]:
    """Give all ways in which bytes may be written."""
    return {
        "text": secret.decode("latin-1"),
        "repr": repr(secret)[2:-1],
        "base64": base64.b64encode(secret).decode().rstrip("="),
        "base64 for URLs": base64.urlsafe_b64encode(secret).decode().rstrip("="),
        "hex": secret.hex(),
        "base58": base58_encode(secret),
    }


def check(secrets: dict[str, bytes], places: dict[str, str]) -> None:
    """See that no secret is anywhere, in any form."""
    assert all(places.values())
    for place, text in places.items():
        for name, secret in secrets.items():
            for form, written in forms(secret).items():
                assert bare(written) not in bare(text), f"{name} is in {place}, as {form}"


def bare(text: str) -> str:
    """Give text without what JSON and reprs add to it."""
    return text.replace("\\", "").replace('"', "").replace("'", "")


class Desk:
    """An engine in this process that takes keys, over HTTP, with everything that it tells."""

    def __init__(self, container: Embedded, http: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
        self.container, self.http, self.exporter = container, http, exporter
        self.answers: list[str] = []
        self.keys: list[str] = []

    async def key(self, *scopes: Scope) -> str:
        entropy = SystemEntropy()
        text = key_text(entropy.bits(ID_BITS), entropy.bits(SECRET_BITS))
        key_id, digest = read_key(text)
        made = ApiKey(id=key_id, digest=digest, user_id="user-123", scopes=frozenset(scopes), created_at=Millis(0))
        fact = AuditFact(at=Millis(0), actor="operator", origin="cli", action="key.create", subject=key_id)
        await self.container.control().add_key(made, fact)
        self.keys.append(text)
        return text

    async def ask(self, method: str, path: str, key: str | None, **more: Any) -> httpx.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        answer = await self.http.request(method, path, headers=headers, **more)
        self.answers.append(f"{answer.headers}\n{answer.text}")
        return answer

    async def confirmed(self, count: int) -> None:
        """Wait until so many orders are."""

        async def are() -> bool:
            return (await self.container.store().counts(Millis(0))).completed >= count

        await until(are)

    async def signed(self, order_ids: list[OrderId]) -> dict[str, bytes]:
        """Give every swap that was signed, by its signature."""
        attempts = [one for order_id in order_ids for one in await self.container.store().executions(order_id)]
        return {one.signed.signature: one.signed.transaction for one in attempts if one.signed}


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    exporter = InMemorySpanExporter()
    container = Embedded()
    quick = {"BESTFILL_MOCK_QUOTE_MS": "0", "BESTFILL_MOCK_CONFIRM_MS": "0", "BESTFILL_MOCK_REVERT_RATE": "0.3"}
    container.environ.override(
        {"BESTFILL_AUTH": "keys", "BESTFILL_DATA_DIR": str(folder), "BESTFILL_MOCK_SEED": "1"} | quick
    )
    venues = [venue.name for venue in container.venues()]
    container.instruments.override(Instruments(venues, OtelTelemetry(lambda: exporter)))
    app = create_app(container, embedded)
    async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:  # pyright: ignore[reportArgumentType]
        yield Desk(container, http, exporter)


async def test_nothing_that_is_secret_leaves_an_engine_that_is_made_to_fail(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
):
    async with desk(tmp_path) as open_desk:
        trader, admin = await open_desk.key(Scope.TRADE), await open_desk.key(Scope.ADMIN)
        network, store = open_desk.container.network(), open_desk.container.store()
        send, commit = network.send, store.commit
        failures, faults = iter(range(1_000_000)), []

        async def leaky_send(swap: SignedSwap) -> None:
            if next(failures) < 2:
                raise RuntimeError(f"cannot send {swap!r}")
            await send(swap)

        async def leaky_commit(move: Transition) -> OrderEvent | None:
            if move.order.status == "confirmed" and not faults:
                faults.append(move.order.id)
                raise RuntimeError(f"cannot write {move!r}")
            return await commit(move)

        monkeypatch.setattr(network, "send", leaky_send)
        monkeypatch.setattr(store, "commit", leaky_commit)
        ids: list[OrderId] = []
        for number in range(8):
            body = ORDER | {"minAmountOut": "1" if number % 4 else "999999"}
            ids.append(
                OrderId((await open_desk.ask("POST", "/api/orders/execute", trader, json=body)).json()["orderId"])
            )
        await open_desk.confirmed(3)
        for order_id in ids:
            for path in (
                f"/api/orders/{order_id}",
                f"/api/orders/{order_id}/executions",
                f"/api/orders/{order_id}/events",
            ):
                await open_desk.ask("GET", path, trader)
        wrong = trader[:-1] + ("0" if trader[-1] != "0" else "1")
        for key in (None, wrong, admin, "Bearer", f"{trader} {admin}", f"x{trader}"):
            await open_desk.ask("GET", f"/api/orders/{ids[1]}", key)
        await open_desk.ask("POST", "/api/orders/execute", trader, content=b"\xff{" + trader.encode())
        await open_desk.ask("POST", "/api/admin/halt", admin, json={"reason": "a test"})
        metrics = (await open_desk.ask("GET", "/metrics", admin)).text
        swaps = await open_desk.signed(ids)
        await open_desk.container.auditor().close()
        audit = "\n".join(map(repr, await open_desk.container.control().entries()))
    spans = "\n".join(span.to_json() for span in open_desk.exporter.get_finished_spans())
    keys = [*open_desk.keys, wrong]
    secrets = {f"key {number}": key.encode() for number, key in enumerate(keys)}
    secrets |= {f"secret {number}": key.rpartition("_")[2].encode() for number, key in enumerate(keys)}
    secrets |= {f"digest {number}": read_key(key)[1] for number, key in enumerate(keys)}
    assert len(swaps) >= 3
    written = log.getvalue()
    assert "network unavailable" in written and "order confirmed" in written
    told = {"the metrics": metrics, "the audit log": audit, "the log": written, "the traces": spans}
    check(secrets | swaps, told | {"the answers": "\n".join(open_desk.answers)})


async def test_passwords_of_servers_that_are_away_are_told_to_nobody(log: io.StringIO):
    container = Deployed()
    url = f"user:{PASSWORD}@127.0.0.1:1"
    collector = f"http://{url}"
    environ = {"DATABASE_URL": f"postgresql://{url}/db", "REDIS_URL": f"redis://{url}/0"}
    container.environ.override(environ | {"BESTFILL_OTLP_ENDPOINT": collector})
    errors: list[str] = []
    with pytest.raises(Exception, match="can't be reached") as caught:
        async with connected(container):
            pass
    errors.append(repr(caught.value) + str(caught.value.__cause__))
    queue = container.queue()
    with pytest.raises(Exception, match="Redis does not answer") as caught:
        await queue.ping()
    errors.append(repr(caught.value) + str(caught.value.__cause__))
    queue.start()
    await queue.wake([OrderId("00000000-0000-7000-8000-000000000000")])
    await queue.close()
    metrics = container.instruments().render().decode()
    told = {"the log": log.getvalue(), "the errors": "\n".join(errors), "the metrics": metrics}
    settings = {"the settings": repr(container.settings())}
    check({"the password": PASSWORD.encode()}, told | settings)
