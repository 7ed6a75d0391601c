"""Check, without network, that requirements/*.txt fit the pyprojects and name no host or path."""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
# What each lock must hold: whether the members (with the extras that they ask each other for), and groups of the root.
# The same is said to uv by `./dev lock`.
LOCKS = {
    "uv": (False, ("uv",)),
    "run": (True, ("build",)),
    "dev": (True, ("build", "test", "lint", "services")),
}
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; [^/\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")

Projects = dict[str, dict[str, Any]]


def direct(projects: Projects, lines: list[str]) -> Iterator[Requirement]:
    """Yield the requirements, with a member's extras in place of the member."""
    for requirement in map(Requirement, lines):
        if requirement.name not in projects:
            yield requirement
        for extra in requirement.extras if requirement.name in projects else ():
            yield from direct(projects, projects[requirement.name]["optional-dependencies"][extra])


def check(root: Path, lock: str, projects: Projects, wanted: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the lock's pins and what is wrong with it."""
    pins: dict[str, str] = {}
    faults: list[str] = []
    for number, line in enumerate((root / f"requirements/{lock}.txt").read_text().splitlines(), 1):
        if match := PIN.fullmatch(line):
            pins[match["name"]] = match["version"]
        elif not (line.startswith("#") and "://" not in line) and not HASH.fullmatch(line):
            faults.append(f"{lock}.txt:{number}: neither a pin nor a hash: {line}")
    faults += [f"{lock}.txt: holds the workspace's own {name}" for name in projects if name in pins]
    for requirement in direct(projects, wanted):
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin, prereleases=True):
            faults.append(f"{lock}.txt: {pin or 'nothing'} where {requirement} is wanted")
    return pins, faults


def check_all(root: Path) -> list[str]:
    """Return what is wrong with the locks of the tree."""
    tree = tomllib.loads((root / "pyproject.toml").read_text())
    members = tree["tool"]["uv"]["workspace"]["members"]
    read = (tomllib.loads((root / path / "pyproject.toml").read_text())["project"] for path in members)
    projects: Projects = {project["name"]: project for project in read}
    pins: dict[str, dict[str, str]] = {}
    faults: list[str] = []
    for lock, (with_members, groups) in LOCKS.items():
        wanted = [line for group in groups for line in tree["dependency-groups"][group]]
        for project in projects.values() if with_members else ():
            wanted += project["dependencies"]
        pins[lock], found = check(root, lock, projects, wanted)
        faults += found
    # ./dev upgrades an environment from run to dev in place, so dev must only add.
    faults += [
        f"dev.txt: {pins['dev'].get(name, 'nothing')} where run.txt has {name}=={version}"
        for name, version in pins["run"].items()
        if pins["dev"].get(name) != version
    ]
    return faults


def main() -> int:
    """Print what is wrong with the locks; return 1 if anything is."""
    faults = check_all(ROOT)
    if faults:
        print(*faults, "Run ./dev lock.", sep="\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
