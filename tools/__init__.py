"""Checks of `./dev lint` that no ready tool makes."""
