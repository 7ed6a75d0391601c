"""The suite that every venue passes."""

import pytest
from your_own_venue import make

from bestfill.testing import contracts, samples


@pytest.mark.anyio
@pytest.mark.parametrize("check", contracts.venue.CHECKS, ids=lambda check: check.__name__)
async def test_contract(check):
    order, _ = samples.new_order()
    await check(contracts.venue.Subject(make(None), samples.quote_request(order)))
