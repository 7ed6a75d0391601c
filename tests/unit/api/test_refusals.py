"""Operators see who is kept out, and why in a word."""

from prometheus_client.parser import text_string_to_metric_families

from bestfill.access import Scope
from bestfill_adapters.limits import Rate
from bestfill_adapters.settings import AccessSettings, Settings
from bestfill_adapters.settings.model import LimitSettings
from tests.unit.api.gate import bearer, key, knock
from tests.unit.api.house import ORDER, House, house

LIMITED = Settings(
    access=AccessSettings(auth="keys"), limits=LimitSettings(key=Rate(3, 3_600), orders=Rate(1, 3_600), sockets=0)
)


def counted(api: House, name: str, label: str) -> dict[str, float]:
    """Give a counter by its label, without what never happened."""
    text = api.container.instruments().render().decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {s.labels[label]: s.value for s in samples if s.name == name and s.value}


async def test_every_refusal_is_counted_by_its_reason_over_http_and_sockets_alike():
    async with house(settings=Settings(access=AccessSettings(auth="keys"))) as api:
        reader = bearer(await key(api, "ann", Scope.READ))
        await api.http.get("/api/orders")
        assert await knock(api, "/ws", {}) == "401"
        await api.http.post("/api/orders/execute", json=ORDER, headers=reader)
        trader = bearer(await key(api, "ann", Scope.TRADE))
        foreign = trader | {"origin": "https://evil.example"}
        await api.http.post("/api/orders/execute", json=ORDER, headers=foreign)
        assert counted(api, "bestfill_auth_refusals_total", "why") == {"unauthorized": 2, "forbidden": 1, "origin": 1}
    async with house() as api:
        await api.http.get("/health/ready", headers={"host": "evil.example"})
        assert counted(api, "bestfill_auth_refusals_total", "why") == {"host": 1}


async def test_every_limit_is_counted_by_its_name():
    async with house(settings=LIMITED) as api:
        trader = bearer(await key(api, "user-123", Scope.TRADE))
        assert await knock(api, "/ws", trader) == "429"
        statuses = [
            (await api.http.post("/api/orders/execute", json=ORDER, headers=trader)).status_code for _ in range(3)
        ]
        assert statuses == [202, 429, 429]
        assert counted(api, "bestfill_limited_total", "limit") == {"sockets": 1, "orders": 1, "key": 1}
