"""The mock venues keep the contract of a venue."""

from collections.abc import Awaitable, Callable

import pytest

from bestfill.testing.contracts import venue
from tests.unit.adapters.mock.chain import both, request


@pytest.mark.parametrize("place", [0, 1], ids=["raydium", "meteora"])
@pytest.mark.parametrize("check", venue.CHECKS, ids=lambda check: check.__name__)
async def test_contract(check: Callable[[venue.Subject], Awaitable[None]], place: int):
    await check(venue.Subject(both()[place], request()))
