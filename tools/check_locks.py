"""Check, without network, that requirements/*.txt fit the pyprojects and name no host or path."""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = ("packages/core", "packages/adapters", "services/api", "services/worker")
# What each lock must hold: members (whose extras the members themselves ask for) and groups of the root.
LOCKS = {
    "uv": ((), ("uv",)),
    "run": (MEMBERS, ("build",)),
    "dev": (MEMBERS, ("build", "test", "lint", "services")),
}
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; [^/\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")

root = tomllib.loads((ROOT / "pyproject.toml").read_text())
projects = {path: tomllib.loads((ROOT / path / "pyproject.toml").read_text())["project"] for path in MEMBERS}
by_name = {project["name"]: project for project in projects.values()}


def direct(lines: list[str]) -> Iterator[Requirement]:
    """Yield the requirements, with a member's extras in place of the member."""
    for requirement in map(Requirement, lines):
        if requirement.name not in by_name:
            yield requirement
        for extra in requirement.extras if requirement.name in by_name else ():
            yield from direct(by_name[requirement.name]["optional-dependencies"][extra])


def check(lock: str, members: tuple[str, ...], groups: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """Return the lock's pins and what is wrong with it."""
    pins: dict[str, str] = {}
    faults: list[str] = []
    for number, line in enumerate((ROOT / f"requirements/{lock}.txt").read_text().splitlines(), 1):
        if match := PIN.fullmatch(line):
            pins[match["name"]] = match["version"]
        elif not (line.startswith("#") and "://" not in line) and not HASH.fullmatch(line):
            faults.append(f"{lock}.txt:{number}: neither a pin nor a hash: {line}")
    faults += [f"{lock}.txt: holds the workspace's own {name}" for name in by_name if name in pins]
    wanted = [line for path in members for line in projects[path]["dependencies"]]
    wanted += [line for group in groups for line in root["dependency-groups"][group]]
    for requirement in direct(wanted):
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin, prereleases=True):
            faults.append(f"{lock}.txt: {pin or 'nothing'} where {requirement} is wanted")
    return pins, faults


def main() -> int:
    """Print what is wrong with the locks; return 1 if anything is."""
    checked = {lock: check(lock, *content) for lock, content in LOCKS.items()}
    faults = [fault for _, found in checked.values() for fault in found]
    # ./dev upgrades an environment from run to dev in place, so dev must only add.
    dev = checked["dev"][0]
    faults += [
        f"dev.txt: {dev.get(name, 'nothing')} where run.txt has {name}=={version}"
        for name, version in checked["run"][0].items()
        if dev.get(name) != version
    ]
    if faults:
        print(*faults, "Run ./dev lock.", sep="\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
