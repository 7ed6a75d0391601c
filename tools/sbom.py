"""Print a bill of materials, as CycloneDX JSON: our distributions, and what requirements/run.txt lets in beside them.

It is made from the lock and the pyprojects alone, so it holds no time, no host and no path, and is the same bytes on
every machine.
"""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.check_locks import direct

ROOT: Final = Path(__file__).resolve().parent.parent
_PIN: Final = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\n]+))? \\\n(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)",
    re.MULTILINE,
)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")

Component = dict[str, Any]


def locked(text: str) -> list[Component]:
    """Return the components of a lock's text, each with the hashes of all files of which one may be installed."""
    components: list[Component] = []
    for pin in _PIN.finditer(text):
        purl = f"pkg:pypi/{pin['name']}@{pin['version']}"
        files = {
            "type": "distribution",
            "url": purl,
            "comment": "What is installed is one file, with one of these hashes.",
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in _HASH.findall(pin["hashes"])],
        }
        component: Component = {"type": "library", "name": pin["name"], "version": pin["version"]}
        component |= {"bom-ref": purl, "purl": purl, "externalReferences": [files]}
        if pin["marker"]:
            # Not needed everywhere: on which machines, the marker says.
            component |= {"scope": "optional", "properties": [{"name": "bestfill:if", "value": pin["marker"]}]}
        components.append(component)
    return components


def own(project: dict[str, Any]) -> Component:
    """Return the component of one of our distributions."""
    return {
        "type": "library",
        "bom-ref": f"{project['name']}@{project['version']}",
        "name": project["name"],
        "version": project["version"],
        "description": project["description"],
        "licenses": [{"license": {"id": project["license"]}}],
    }


def bill(root: Path) -> Component:
    """Return the tree's bill; who needs whom is told of our own alone, since the lock knows no more than pins."""
    members = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    read = (tomllib.loads((root / path / "pyproject.toml").read_text())["project"] for path in members)
    projects = {project["name"]: project for project in sorted(read, key=lambda project: project["name"])}
    ours = [own(project) for project in projects.values()]
    components = [*ours, *locked((root / "requirements/run.txt").read_text())]
    refs = {component["name"]: component["bom-ref"] for component in components}
    whole = own(projects["bestfill"]) | {"type": "application", "bom-ref": "release", "description": "All of bestfill"}
    needs = {whole["bom-ref"]: {component["bom-ref"] for component in ours}}
    for project in projects.values():
        lines = project["dependencies"]
        wanted = [*map(Requirement, lines), *direct(projects, lines)]
        needs[refs[project["name"]]] = {refs[canonicalize_name(requirement.name)] for requirement in wanted}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": whole},
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(needed)} for ref, needed in needs.items()],
    }


if __name__ == "__main__":
    json.dump(bill(ROOT), sys.stdout, indent=1)
    print()
