"""Venues that plug in, and what is said of one that does not."""

from importlib.metadata import EntryPoint, entry_points

import pytest

from bestfill.errors import VenueUnavailable
from bestfill.testing.fakes import FakeVenue
from bestfill_adapters import plugins
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.settings import SettingsError
from tests.unit.adapters.mock.chain import context


class Lookalike:
    name = "lookalike"

    async def quote(self, request: object) -> None: ...
    async def leg(self, quote: object, min_out: int) -> None: ...


def fake(_: VenueContext) -> FakeVenue:
    return FakeVenue("fake")


def same_name(_: VenueContext) -> FakeVenue:
    return FakeVenue("fake")


def nameless(_: VenueContext) -> FakeVenue:
    return FakeVenue("")


def lookalike(_: VenueContext) -> Lookalike:
    return Lookalike()


def nothing(_: VenueContext) -> None:
    return None


def leaks(_: VenueContext) -> FakeVenue:
    raise RuntimeError("https://node.example/?key=hunter2")


def says(_: VenueContext) -> FakeVenue:
    raise VenueUnavailable("MY_NODE_URL is not set")


def no_arguments() -> FakeVenue:
    return FakeVenue()


FACTORIES = [fake, same_name, nameless, lookalike, nothing, leaks, says, no_arguments]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch):
    points = [EntryPoint(f.__name__, f"{__name__}:{f.__name__}", plugins.GROUP) for f in FACTORIES]
    points += [
        EntryPoint("no_module", "bestfill_no_such_module:make", plugins.GROUP),
        EntryPoint("no_attribute", "bestfill.units:make", plugins.GROUP),
        EntryPoint("twice", f"{__name__}:fake", plugins.GROUP),
        EntryPoint("twice", f"{__name__}:same_name", plugins.GROUP),
    ]
    monkeypatch.setattr(f"{plugins.__name__}.entry_points", lambda group: [*entry_points(group=group), *points])


def test_the_mock_venues_are_installed_and_come_in_the_order_asked_for():
    names = [venue.name for venue in load_venues(["mock_meteora", "fake", "mock_raydium"], context())]
    assert names == ["meteora", "fake", "raydium"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["mock_radium"], r"'mock_radium' is not installed; did you mean 'mock_raydium'\? known are .*mock_meteora"),
        (["zzz"], r"'zzz' is not installed; known are fake, "),
        (["fake", "same_name"], "'fake' and 'same_name' are both called 'fake'"),
        (["nameless"], r"'nameless' \(.*:nameless\) gave a venue without a name"),
        (["lookalike"], "'lookalike' .* gave Lookalike, which is no subclass of bestfill.ports.Venue"),
        (["nothing"], "'nothing' .* gave NoneType"),
        (["leaks"], "'leaks' .* failed with RuntimeError$"),
        (["says"], "'says' cannot start: MY_NODE_URL is not set"),
        (["no_arguments"], "'no_arguments' .* failed with TypeError"),
        (["no_module"], "'no_module' .* cannot be imported: No module named 'bestfill_no_such_module'"),
        (["no_attribute"], "'no_attribute' .* cannot be imported: .*has no attribute 'make'"),
        (["twice"], "'twice' is ambiguous .*:fake, .*:same_name"),
    ],
)
def test_a_plugin_that_does_not_do_is_named(names: list[str], problem: str):
    with pytest.raises(SettingsError, match=f"^BESTFILL_VENUES: {problem}"):
        load_venues(names, context())


@pytest.mark.parametrize("name", ["", "W" * 65, "a\0b", "a\x1b[31m", "\u202egnp", "a\nb"])
def test_a_venue_must_have_a_name_that_can_be_shown_and_stored(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setattr(FakeVenue, "name", name)
    with pytest.raises(SettingsError, match="gave a venue without a name of 1 to 64 printable characters"):
        load_venues(["fake"], context())
