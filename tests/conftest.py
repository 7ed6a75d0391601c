"""Fixtures for all tests."""

import pytest

pytest_plugins = ["tests.servers"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Give the one event loop that the project runs on."""
    return "asyncio"
