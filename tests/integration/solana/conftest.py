"""A cluster in this process, and the real programs where somebody has their binaries."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.cluster.programs import NoProgram, binary


@pytest.fixture
def elf() -> Callable[[str], Path]:
    """Give the path of a venue's program, by the venue's name; skip the test if SOLANA_ELF_DIR does not have it."""

    def find(venue: str) -> Path:
        try:
            return binary(venue, os.environ)
        except NoProgram as error:
            pytest.skip(str(error))

    return find
