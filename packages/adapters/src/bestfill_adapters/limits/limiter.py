"""What holds a caller to a limit."""

from typing import Protocol

from bestfill_adapters.limits.rate import Rate, Taken


class Hold(Protocol):
    """One place of a bucket that has only so many; whoever has it must give it back."""

    def release(self) -> None:
        """Give it back. Returns at once; again, it does nothing."""
        ...


class Limiter(Protocol):
    """Counts what is taken from buckets, by name, in all processes together.

    A name is any text, such as `ip:192.0.2.1`, `key:…` or `orders:<user>`; the rate goes with each call. No method
    raises: a limiter that cannot reach the others counts by itself, and more strictly.
    """

    def take_at_once(self, bucket: str, rate: Rate) -> Taken | None:
        """Take one from a bucket filled at this rate; None, and nothing is taken, if that must be waited for."""
        ...

    async def take(self, bucket: str, rate: Rate) -> Taken:
        """Take one from a bucket that is filled at this rate."""
        ...

    async def hold(self, bucket: str, most: int) -> Hold | None:
        """Take one of so many places and keep it until it is released; None if there is none left."""
        ...
