"""What each port promises, as checks that need no test runner.

Each module has its `CHECKS`: async functions that take what they check, fresh, and raise AssertionError. With
pytest::

    @pytest.mark.parametrize("check", contracts.venue.CHECKS, ids=lambda check: check.__name__)
    async def test_contract(check, venue):
        await check(venue)
"""

from bestfill.testing.contracts import control, network, notifier, queue, store, venue

__all__ = ["control", "network", "notifier", "queue", "store", "venue"]
