from collections.abc import Iterator

import pytest

from tests.embedded import Engine


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a quick engine is, which all tests here share; each has users of its own."""
    quick = {"BESTFILL_MOCK_QUOTE_MS": "5-20", "BESTFILL_MOCK_CONFIRM_MS": "5-20"}
    with Engine(tmp_path_factory.mktemp("engine"), **quick) as engine:
        yield engine.url
