"""Repeatable chance: each draw hangs on the seed and its own names alone, never on what was drawn before."""

import hashlib

from bestfill_adapters.settings import PPM


def below(bound: int, *names: str | int) -> int:
    """Give a number from 0 to `bound` − 1: the same one for the same names, which begin with the seed."""
    return int.from_bytes(hashlib.sha256(repr(names).encode()).digest()) % bound


def within(limits: tuple[int, int], *names: str | int) -> int:
    """Give a number from the lowest to the highest, both included."""
    lowest, highest = limits
    return lowest if lowest == highest else lowest + below(highest - lowest + 1, *names)


def happens(rate: int, *names: str | int) -> bool:
    """Say whether something that happens at this rate (parts per million) happens now."""
    return rate > 0 and below(PPM, *names) < rate
