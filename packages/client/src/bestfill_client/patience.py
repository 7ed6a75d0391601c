"""How long the client goes on trying, and how it waits in between."""

from collections.abc import Callable

import msgspec

from bestfill_client.errors import WrongArgument


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how long to try; all times in seconds.

    A request is sent at most `tries` times, the last within `total_s` of the first. The waits in between double from
    `first_s` up to `longest_s`, less up to a half by chance. A stream that is cut is resumed for as long as it takes,
    unless nothing has come of it for `stream_s`; None: for ever.
    """

    tries: int = 5
    total_s: float = 60.0
    first_s: float = 0.2
    longest_s: float = 5.0
    stream_s: float | None = 60.0

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise WrongArgument("tries", "must be 1 or more")
        spans = (self.total_s, self.first_s, self.longest_s, self.stream_s or 0)
        if not all(span >= 0 for span in spans):
            raise WrongArgument("patience", "must have no time below 0")

    def pause_s(self, failures: int, chance: Callable[[], float]) -> float:
        """Give the wait after so many failures in a row, from 1; `chance` gives a number from 0 to 1."""
        longest = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 60))
        return longest * (1 - chance() / 2)
