"""Venues that plug in: entry points of the group `bestfill.venues`, each a factory that takes a `VenueContext`."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final, TypeGuard

from attrs import field, frozen

from bestfill.errors import BestfillError
from bestfill.ports import Clock, Venue
from bestfill_adapters.settings import Settings, SettingsError

if TYPE_CHECKING:
    from bestfill_adapters.solana.gateway import Gateway

GROUP: Final = "bestfill.venues"
NAME_MAX_CHARS: Final = 64
_VARIABLE: Final = "BESTFILL_VENUES"


@frozen(kw_only=True)
class VenueContext:
    """What a venue's factory is given.

    `seed` is for venues that play with chance: always set, and the same for all venues of the process. `environ` is
    for a plugin's own variables, whose names should not begin with BESTFILL_. `solana` is the way to the chain, which
    makes a venue of a market; None if the mock chain is used.
    """

    clock: Clock
    seed: str
    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    solana: "Gateway | None" = None


def load_venues(names: Sequence[str], context: VenueContext) -> list[Venue]:
    """Make the venues of these entry points, in their order.

    Raises:
        SettingsError: a name is unknown or ambiguous, a plugin cannot be imported, its factory fails or gives no
            venue, or two venues have the same name; the message names the plugin.
    """
    known: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        known.setdefault(point.name, []).append(point)
    venues: dict[str, Venue] = {}
    made_by: dict[str, str] = {}
    for name in names:
        venue = _make(_find(name, known), context)
        if venue.name in venues:
            raise _error(f"{made_by[venue.name]!r} and {name!r} are both called {venue.name!r}; leave one out")
        venues[venue.name], made_by[venue.name] = venue, name
    return list(venues.values())


def _find(name: str, known: Mapping[str, Sequence[EntryPoint]]) -> EntryPoint:
    if name not in known:
        alike = get_close_matches(name, known, n=1)
        hint = f"did you mean {alike[0]!r}? " if alike else ""
        raise _error(f"{name!r} is not installed; {hint}known are {', '.join(sorted(known)) or 'none'}")
    point, *others = known[name]
    if others:
        values = ", ".join(p.value for p in known[name])
        raise _error(f"{name!r} is ambiguous ({values}); uninstall all but one")
    return point


def _make(point: EntryPoint, context: VenueContext) -> Venue:
    try:
        factory = point.load()
    except Exception as error:
        raise _error(f"{point.name!r} ({point.value}) cannot be imported: {error}") from error
    try:
        venue = factory(context)
    except (BestfillError, SettingsError) as error:
        raise _error(f"{point.name!r} cannot start: {error}") from error
    except Exception as error:
        # Only its kind: its text may hold an endpoint or a key.
        raise _error(f"{point.name!r} ({point.value}) failed with {type(error).__name__}") from error
    if not _is_venue(venue):
        raise _error(
            f"{point.name!r} ({point.value}) gave {type(venue).__name__}, which is no subclass of bestfill.ports.Venue"
        )
    if not _is_name(venue.name):
        raise _error(
            f"{point.name!r} ({point.value}) gave a venue without a name of 1 to {NAME_MAX_CHARS} printable characters"
        )
    return venue


def _is_name(name: object) -> bool:
    """It stands in every quote, is shown everywhere, and must fit any store."""
    return isinstance(name, str) and 1 <= len(name) <= NAME_MAX_CHARS and name.isprintable()


def _is_venue(candidate: object) -> TypeGuard[Venue]:
    return Venue in type(candidate).__mro__  # isinstance is not for protocols


def _error(problem: str) -> SettingsError:
    return SettingsError([f"{_VARIABLE}: {problem}"])
