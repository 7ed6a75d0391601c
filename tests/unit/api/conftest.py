from collections.abc import AsyncIterator

import pytest

from tests.unit.api.house import House, house


@pytest.fixture
async def api() -> AsyncIterator[House]:
    """The API with everything well."""
    async with house() as opened:
        yield opened
