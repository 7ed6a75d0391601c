"""Wheels of what is installed here, for a pip that has no network."""

import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement


def pack(folder: Path, names: Iterable[str]) -> None:
    """Write a wheel, good for this very Python, of each of these packages and of what they need."""
    folder.mkdir()
    for name in set(_with_needs(names)):
        found = distribution(name)
        with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{found.version}-py3-none-any.whl", "w") as wheel:
            for file in found.files or ():
                if file.parts[0] != ".." and not {"__pycache__", "INSTALLER", "REQUESTED"} & set(file.parts):
                    wheel.write(file.locate(), str(file))


def _with_needs(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield name
        needs = [Requirement(text) for text in distribution(name).requires or ()]
        yield from _with_needs(need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""}))
