"""The preview: what an order would be offered, with nothing stored."""

import pytest

from bestfill.errors import NoRoute, VenueUnavailable
from bestfill.quote import Quote, QuoteRequest
from bestfill.testing.fakes import FakeVenue
from tests.unit.api.house import House, house, with_, without

QUOTES = "/api/quotes"


async def test_it_shows_every_quote_the_choice_and_the_bound(api: House) -> None:
    answer = await api.http.post(QUOTES, json=without("userId"))
    assert answer.status_code == 200
    assert answer.json() == {
        "tokenIn": with_()["tokenIn"],
        "tokenOut": with_()["tokenOut"],
        "amountIn": "1.5",
        "slippageBps": 50,
        "chosen": "raydium",
        "reason": "pays the most",
        "code": None,
        "amountOut": "213",
        "minOut": "211.935",
        "price": "142",
        "quotes": [
            {
                "dex": "raydium",
                "amountOut": "213",
                "priceImpactBps": 3,
                "feeBps": 0,
                "chosen": True,
                "reason": "pays the most",
            },
            {
                "dex": "meteora",
                "amountOut": "211",
                "priceImpactBps": 5,
                "feeBps": 0,
                "chosen": False,
                "reason": "pays 0.93 % less than raydium",
            },
        ],
    }
    assert await api.placed() == 0


async def test_the_users_minimum_is_the_bound_when_it_is_stricter(api: House) -> None:
    assert (await api.http.post(QUOTES, json=with_(minAmountOut="212.5"))).json()["minOut"] == "212.5"


async def test_no_quote_above_the_minimum_is_an_answer_with_its_reason(api: House) -> None:
    answer = await api.http.post(QUOTES, json=with_(minAmountOut="214"))
    told = answer.json()
    assert (answer.status_code, told["chosen"], told["code"]) == (200, None, "ROUTING_ERROR")
    assert told["reason"] == "no venue meets the minimum output"
    assert (told["amountOut"], told["minOut"], told["price"]) == (None, None, None)
    assert [q["amountOut"] for q in told["quotes"]] == ["213", "211"]


async def test_venues_that_fail_are_shown_beside_those_that_answer() -> None:
    async def down(_: QuoteRequest) -> Quote:
        raise VenueUnavailable("is being repaired")

    async with house(venues=(FakeVenue("good", 1), FakeVenue("down", ask=down))) as api:
        told = (await api.http.post(QUOTES, json=without("minAmountOut"))).json()
        assert told["chosen"] == "good"
        assert (
            told["quotes"][1] | {"dex": "down", "amountOut": None, "reason": "is being repaired"} == told["quotes"][1]
        )


async def test_a_pair_that_nobody_trades_is_told() -> None:
    async def no_route(_: QuoteRequest) -> Quote:
        raise NoRoute("unknown pair")

    async with house(venues=(FakeVenue("one", ask=no_route),)) as api:
        told = (await api.http.post(QUOTES, json=with_())).json()
        assert (told["chosen"], told["code"], told["reason"]) == (None, "ROUTING_ERROR", "unknown pair")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amountIn", 1.5),
        ("slippageTolerance", 10.01),
        ("userId", ""),
        ("expiresAt", "2025-12-16T10:13:20Z"),
        ("nope", 1),
    ],
)
async def test_it_refuses_what_execute_refuses(api: House, field: str, value: object) -> None:
    answer = await api.http.post(QUOTES, json=with_(**{field: value}))
    assert answer.status_code == 400
    assert [e["field"] for e in answer.json()["errors"]] == [field]
