import pytest

from tests.unit.client.shells import SHELLS, Shell


@pytest.fixture(params=SHELLS, ids=["blocking", "async"])
def shell(request: pytest.FixtureRequest) -> Shell:
    """The client's class, blocking and async by turns."""
    return request.param
