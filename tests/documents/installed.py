"""What npm installs for these tests: they are skipped without it, but never in CI."""

import os
from pathlib import Path

import pytest


def needed(file: Path) -> Path:
    """Give the file, if it is there."""
    if not file.exists():
        reason = f"{file.name} is not installed: run ./dev documents --install"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return file
