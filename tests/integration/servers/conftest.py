"""Fixtures for the tests of the servers themselves."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder, with a space in its name, that other users can enter; pytest's own they cannot."""
    with tempfile.TemporaryDirectory(prefix="open folder ") as name:
        Path(name).chmod(0o711)
        yield Path(name)
