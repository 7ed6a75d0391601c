"""What `./dev lint` says of the locks when a pyproject has moved on and they have not."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from tools.check_locks import LOCKS, check_all

ROOT = Path(__file__).parents[3]
MEMBERS = sorted(
    str(path.parent.relative_to(ROOT))
    for folder in ("packages", "services")
    for path in ROOT.glob(f"{folder}/*/pyproject.toml")
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the pyprojects and the locks."""
    for path in (ROOT / "pyproject.toml", *(ROOT / member / "pyproject.toml" for member in MEMBERS)):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def test_the_locks_are_those_of_the_pyprojects(tree: Path):
    assert check_all(tree) == []


@pytest.mark.parametrize("member", MEMBERS)
def test_what_a_member_has_come_to_need_is_missed_in_both_locks(tree: Path, member: str):
    path = tree / member / "pyproject.toml"
    text, count = re.subn(
        r"^dependencies = \[", 'dependencies = ["unheard-of>=1", ', path.read_text(), flags=re.MULTILINE
    )
    assert count == 1
    path.write_text(text)
    assert check_all(tree) == [f"{lock}.txt: nothing where unheard-of>=1 is wanted" for lock in ("run", "dev")]


def test_what_an_extra_has_come_to_need_is_missed_where_the_extra_is_locked(tree: Path):
    path = tree / "packages/adapters/pyproject.toml"
    extras = tomllib.loads(path.read_text())["project"]["optional-dependencies"]
    told = {}
    for extra in extras:
        text = re.sub(rf"^{extra} = \[", f'{extra} = ["unheard-of>=1", ', path.read_text(), flags=re.MULTILINE)
        before = path.read_text()
        path.write_text(text)
        told[extra] = {fault.partition(".")[0] for fault in check_all(tree)}
        path.write_text(before)
    assert told == {extra: {"run", "dev"} for extra in extras}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_line_without_a_pin_or_with_a_host_is_refused(tree: Path, lock: str):
    path = tree / f"requirements/{lock}.txt"
    lines = path.read_text().splitlines()
    # Put together here, so that no file of the project looks as if it named an index.
    dashes, slashes = "--", "//"
    for line in (
        f"{dashes}index-url https:{slashes}example.org",
        f"# from https:{slashes}example.org",
        "attrs>=1 \\",
        "attrs @ file:///attrs",
    ):
        path.write_text("\n".join([*lines, line]))
        assert check_all(tree) == [f"{lock}.txt:{len(lines) + 1}: neither a pin nor a hash: {line}"]


def test_dev_installs_every_member():
    (line,) = re.findall(r"-e packages/core .*", (ROOT / "dev").read_text())
    assert sorted(line.split()[1::2]) == MEMBERS
    assert sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]) == MEMBERS
