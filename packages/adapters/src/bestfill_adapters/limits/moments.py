"""Moments by name, of which none need be remembered for long."""

from typing import Final

_FEW: Final = 1_000


class Moments:
    """A moment for each of many names, in bounded memory: what has passed is as good as none, and forgotten.

    If too many have not passed, those go that would be soonest.
    """

    def __init__(self, most: int) -> None:
        self._at: dict[str, int] = {}
        self._most, self._sweep_at = most, min(_FEW, most)

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._at)

    def __contains__(self, name: str) -> bool:
        """Whether a name is remembered."""
        return name in self._at

    def get(self, name: str, now: int) -> int:
        """Give the moment of a name, or `now` if that has passed."""
        return max(self._at.get(name, now), now)

    def put(self, name: str, at: int, now: int) -> None:
        """Remember a moment for a name."""
        if len(self._at) >= self._sweep_at and name not in self._at:
            self._sweep(now)
        self._at[name] = at

    def forget(self, name: str) -> None:
        """Forget the moment of a name that is remembered."""
        del self._at[name]

    def _sweep(self, now: int) -> None:
        left = {name: at for name, at in self._at.items() if at > now}
        if len(left) > self._most * 3 // 4:
            left = dict(sorted(left.items(), key=lambda one: one[1])[-(self._most // 2) :])
        self._at = left
        self._sweep_at = min(self._most, max(_FEW, 2 * len(left)))
