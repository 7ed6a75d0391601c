"""Performs what `decide` says."""

from bestfill.engine.engine import Engine

__all__ = ["Engine"]
