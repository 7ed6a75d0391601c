from collections.abc import AsyncIterator

import pytest

from bestfill_adapters.redis import RedisNotifier, subscription
from tools.servers import Valkey


@pytest.fixture
async def notifier(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisNotifier]:
    """A notifier that soon notices a silent server."""
    monkeypatch.setattr(subscription, "SILENCE_S", 0.05)
    opened = RedisNotifier(valkey.url)
    yield opened
    await opened.close()
