"""What the project fetches and builds from is fixed by version and hash, and nothing that is fetched is run unseen."""

import json
import re
import shlex
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = [
    line.split(None, 1)
    for line in re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    if line and not line.startswith("#")
]
SCRIPTS = {name: (ROOT / name).read_text() for name in ("dev", ".ci/run")}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
EXACT = re.compile(r"(?:[a-z]+/)?[a-z]+:(?:\d+\.\d+\.\d+|18\.\d+)(?:-[a-z0-9.-]+)?(?:@sha256:[0-9a-f]{64})?")
SECRET = re.compile(r"password|passwd|secret|token|credential|key", re.IGNORECASE)


def logical(script: str) -> list[str]:
    """The script's lines, continued ones joined, without comments."""
    lines = re.sub(r"\\\n\s*", " ", script).splitlines()
    return [line.strip() for line in lines if not line.strip().startswith("#")]


def test_every_image_has_a_tag_that_names_one_release():
    # PostgreSQL's releases have two numbers.
    bases = [words.split()[0] for word, words in DOCKERFILE if word == "FROM"]
    pulled = [service["image"] for service in COMPOSE["services"].values() if "build" not in service]
    assert len(bases) == 2 and len(pulled) == 2
    assert len(set(bases)) == 1
    for image in bases + pulled:
        assert EXACT.fullmatch(image), image


def test_the_image_takes_nothing_but_locked_wheels_and_the_tree():
    assert {word for word, _ in DOCKERFILE} <= {
        "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "EXPOSE", "STOPSIGNAL", "CMD"
    }  # fmt: skip
    commands = [json.loads(words) for word, words in DOCKERFILE if word == "RUN"]
    assert {command[0] for command in commands} == {"python", "pip", "useradd"}
    for command in commands:
        if "install" in command:
            assert {"--require-hashes", "--only-binary=:all:"} <= set(command) or "--no-index" in command


def test_no_secret_is_built_into_the_image_or_written_into_compose():
    named = [part.partition("=")[0] for word, words in DOCKERFILE if word == "ENV" for part in shlex.split(words)]
    assert named and not any(SECRET.search(name) for name in named)
    for name, service in COMPOSE["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                assert re.fullmatch(r"\$\{\w+(:[-?][^}]*)?\}|\d*", str(value)), (name, variable)
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_nothing_is_fetched_but_by_package_managers():
    for name, text in {**SCRIPTS, "Dockerfile": (ROOT / "Dockerfile").read_text()}.items():
        assert not re.search(r"\b(curl|wget|git clone)\b|://|:latest\b|\beval\b", text), name


def test_what_pip_and_uv_install_has_its_hash_or_is_ours():
    installs = [line for line in logical(SCRIPTS["dev"]) if re.search(r"pip (sync|install)\b", line)]
    assert len(installs) == 3
    for line in installs:
        assert "--require-hashes" in line or ("--no-deps" in line and "--no-build-isolation" in line), line
    assert not any("pip" in line.split() for line in logical(SCRIPTS[".ci/run"]))


def test_ci_stops_at_the_first_failure_and_installs_one_package_of_the_system():
    lines = logical(SCRIPTS[".ci/run"])
    assert "set -euo pipefail" in lines
    (line,) = [line for line in lines if "install" in line.split() and "apt-get" in line]
    assert line.split()[-2:] == ["--no-install-recommends", "chromium"]


def test_what_npm_installs_has_its_hash_and_runs_no_script():
    folder = ROOT / "tests/documents/node"
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert len(packages) > 1
    assert all(package["integrity"].startswith("sha512-") for path, package in packages.items() if path)
    assert "ignore-scripts=true" in (folder / ".npmrc").read_text().splitlines()
    assert '"ci"]' in (ROOT / "tools/documents/newman.py").read_text()
