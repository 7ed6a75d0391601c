"""The core needs attrs alone. That the examples work, tests/documents sees, which does what the documents say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: object, cwd: Path = ROOT) -> str:
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def core_wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT / "packages/core")
    return next(folder.glob("bestfill-*.whl"))


@pytest.fixture
def site(tmp_path, core_wheel) -> Path:
    """A folder that holds the core's wheel, unpacked, and attrs: all that the core may need."""
    import attr
    import attrs

    site = tmp_path / "site"
    run(sys.executable, "-m", "zipfile", "-e", core_wheel, site)
    for package in (attr, attrs):
        where = Path(package.__file__).parent
        (site / where.name).symlink_to(where)
    return site


def isolated(site: Path, *arguments: object) -> str:
    """Run Python with nothing but the standard library and `site`."""
    prelude = f"import sys, runpy; sys.path.insert(0, {str(site)!r}); sys.argv[:] = sys.argv[1:]; "
    return run(
        sys.executable, "-I", "-S", "-c", prelude + "runpy.run_path(sys.argv[0], run_name='__main__')", *arguments
    )


def test_the_core_declares_attrs_alone(core_wheel):
    metadata = run(
        sys.executable, "-c", f"import zipfile as z; w = z.ZipFile({str(core_wheel)!r}); "
        "print(w.read(next(n for n in w.namelist() if n.endswith('METADATA'))).decode())",
    )  # fmt: skip
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert [line.split()[1].split(">")[0] for line in needed] == ["attrs"]


def test_every_module_of_the_core_imports_with_attrs_alone(site, tmp_path):
    script = tmp_path / "all.py"
    script.write_text(
        "import pkgutil, importlib, bestfill\n"
        "names = [m.name for m in pkgutil.walk_packages(bestfill.__path__, 'bestfill.')]\n"
        "[importlib.import_module(n) for n in names]\n"
        "print(len(names))\n"
    )
    assert int(isolated(site, script)) > 20
