"""The operators' calls: halting and resuming, and who did."""

from typing import Any

import pytest

from bestfill.access import Scope, read_key
from bestfill.errors import StoreError
from bestfill.ports import Halt
from bestfill.units import iso
from tests.unit.api.gate import bearer, key, keys, told
from tests.unit.api.house import House

GOING = {"halted": False, "reason": None, "by": None, "since": None}
HALT = "/api/admin/halt"


async def test_an_operator_halts_and_resumes_and_both_are_on_record() -> None:
    async with keys() as api:
        text = await key(api, "operator", Scope.ADMIN)
        headers, name = bearer(text), read_key(text)[0]
        assert (await api.http.get(HALT, headers=headers)).json() == GOING
        answer = await api.http.post(HALT, json={"reason": "prices look wrong"}, headers=headers)
        at = api.clock.now()
        halted = {"halted": True, "reason": "prices look wrong", "by": name, "since": iso(at)}
        assert (answer.status_code, answer.json()) == (200, halted)
        assert await api.control.halt() == Halt(reason="prices look wrong", actor=name, at=at)
        assert (await api.http.get(HALT, headers=headers)).json() == halted
        for _ in range(2):
            answer = await api.http.post("/api/admin/resume", headers=headers)
            assert (answer.status_code, answer.json()) == (200, GOING)
        assert await api.control.halt() is None
        facts = [entry.fact for entry in await told(api)][1:]
        assert [(f.actor, f.origin, f.action, dict(f.detail)) for f in facts] == [
            (name, "127.0.0.1", "halt.set", {"reason": "prices look wrong"}),
            (name, "127.0.0.1", "halt.clear", {}),
            (name, "127.0.0.1", "halt.clear", {}),
        ]


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "reason"), ({"reason": " "}, "reason"), ({"reason": "x" * 201}, "reason"), ({"reason": 7}, "reason"),
     ({"reason": "a\nb"}, "reason"), ({"reason": "a", "by": "me"}, "by"), ([], "")],
)  # fmt: skip
async def test_a_halt_says_why(api: House, body: Any, field: str) -> None:
    answer = await api.http.post(HALT, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert await api.control.halt() is None


async def test_a_page_of_another_origin_does_not_halt_the_engine(api: House) -> None:
    for path in (HALT, "/api/admin/resume"):
        answer = await api.http.post(path, json={"reason": "x"}, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
    assert await api.control.halt() is None


async def test_a_store_that_is_away_is_told(api: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> None:
        raise StoreError("away")

    monkeypatch.setattr(api.control, "halt", away)
    assert (await api.http.get(HALT)).status_code == 503
