"""The bill of materials, held against the lock, the pyprojects, and the schema of its format."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from tools.sbom import bill

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "requirements/run.txt").read_text()


@pytest.fixture(scope="module")
def printed() -> str:
    return subprocess.run([ROOT / "dev", "sbom"], capture_output=True, text=True, check=True, cwd="/").stdout


@pytest.fixture(scope="module")
def made(printed: str) -> dict[str, Any]:
    return json.loads(printed)


def test_it_is_valid(printed: str):
    version = SchemaVersion.V1_6
    validator = JsonStrictValidator(version)
    assert json.loads(printed)["specVersion"] == version.to_version()
    assert validator.validate_str(printed) is None
    assert validator.validate_str(printed.replace('"library"', '"book"', 1)), "it would be refused if it were not"


def test_every_pin_is_in_it_with_its_version_its_hashes_and_where_it_counts(made: dict[str, Any]):
    # Each pin's lines, joined and read by the library that pip reads them with.
    pins = re.sub(r" \\\n\s+", " ", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE)).splitlines()
    wanted = {}
    for line in pins:
        requirement, *hashes = line.split(" --hash=sha256:")
        read = Requirement(requirement)
        marker = {"properties": [{"name": "bestfill:if", "value": str(read.marker)}]} if read.marker else {}
        wanted[f"pkg:pypi/{read.name}@{str(read.specifier).removeprefix('==')}"] = (hashes, marker.get("properties"))
    found = {
        component["purl"]: ([one["content"] for one in files["hashes"]], component.get("properties"))
        for component in made["components"]
        for files in component.get("externalReferences", ())
    }
    assert {ref: (hashes, quoted(marker)) for ref, (hashes, marker) in found.items()} == wanted
    assert all(component["purl"] == component["bom-ref"] for component in made["components"] if "purl" in component)


def quoted(properties: list[dict[str, str]] | None) -> list[dict[str, str]] | None:
    """Write a marker as the library does."""
    return properties and [one | {"value": one["value"].replace("'", '"')} for one in properties]


def test_our_own_are_in_it_with_their_licence_and_what_they_need(made: dict[str, Any]):
    projects = [
        tomllib.loads(path.read_text())["project"]
        for folder in ("packages", "services")
        for path in ROOT.glob(f"{folder}/*/pyproject.toml")
    ]
    ours = {component["name"]: component for component in made["components"] if "licenses" in component}
    assert len(ours) == len(projects) == 6
    needs = {entry["ref"]: set(entry["dependsOn"]) for entry in made["dependencies"]}
    for project in projects:
        component = ours[project["name"]]
        assert component["version"] == project["version"]
        assert component["licenses"] == [{"license": {"id": project["license"]}}]
        named = {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in needs[component["bom-ref"]]}
        assert named >= {Requirement(line).name for line in project["dependencies"]}
    # By way of the extras that it asks the adapters for.
    assert any(ref.startswith("pkg:pypi/asyncpg@") for ref in needs[ours["bestfill-worker"]["bom-ref"]])
    assert needs[made["metadata"]["component"]["bom-ref"]] == {component["bom-ref"] for component in ours.values()}


def test_it_is_the_same_bytes_from_another_folder_and_names_no_host_path_or_time(printed: str, tmp_path: Path):
    for path in (ROOT / "pyproject.toml", *ROOT.glob("*/*/pyproject.toml"), ROOT / "requirements/run.txt"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    assert json.dumps(bill(tmp_path), indent=1) + "\n" == printed
    assert not re.search(r"://|/(home|work|tmp|root|srv)\b|timestamp|serialNumber|\d{4}-\d\d-\d\dT", printed)
