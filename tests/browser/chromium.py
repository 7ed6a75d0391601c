"""The browser: found where the system has it, and kept from calling home."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

PLACE = Path("/usr/bin/chromium")
FLAGS = (
    # It calls nobody,
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # and saves the start of a process for each page.
    "--renderer-process-limit=1",
)


def found() -> str | None:
    """Give the program: CHROMIUM, or Debian's, or what PATH has."""
    named = os.environ.get("CHROMIUM")
    if named or PLACE.exists():
        return named or str(PLACE)
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def program() -> str:
    """Give the program, or skip the test with the reason; where CI is set, no browser is a failure."""
    if (place := found()) is not None:
        return place
    reason = "no Chromium on this machine: install chromium, or name one in CHROMIUM"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def launch(playwright: Playwright, place: str) -> Browser:
    # For root, Chromium's sandbox refuses to work.
    return playwright.chromium.launch(executable_path=place, args=[*FLAGS], chromium_sandbox=os.geteuid() != 0)
