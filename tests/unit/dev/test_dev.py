"""What `./dev` promises to whoever calls it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DEV = str(ROOT / "dev")


def dev(*arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DEV, *arguments], capture_output=True, text=True, check=False, cwd=cwd, env=env)


@pytest.mark.parametrize("arguments", [(), ("no-such-command",), ("exec",)])
def test_a_wrong_call_gets_the_usage_text_and_exit_code_2(arguments: tuple[str, ...]):
    done = dev(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ./dev")


def test_exec_hands_over_arguments_folder_and_exit_code(tmp_path: Path):
    code = "import os, sys; print(os.getcwd(), sys.argv[1:]); sys.exit(7)"
    done = dev("exec", "python", "-c", code, "a b", "*", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (7, f"{tmp_path} ['a b', '*']\n", "")


def test_exec_keeps_the_callers_python_settings_out(tmp_path: Path):
    names = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    env = dict(os.environ) | dict.fromkeys(names, str(tmp_path))
    done = dev("exec", "python", "-c", f"import os, sys; print(sys.prefix, *map(os.getenv, {names}))", env=env)
    venv = ROOT / ".venv"
    assert done.stdout == f"{venv} None None {venv} None\n"


def test_exec_finds_uv_also_where_the_caller_has_none():
    done = dev("exec", "uv", "--version", env=os.environ | {"PATH": "/usr/bin:/bin"})
    if not (ROOT / ".dev/uv").exists():
        pytest.skip("the caller's own uv was used for the set-up")
    assert done.stdout.startswith("uv "), done.stderr


def test_a_signal_reaches_the_program():
    code = "import time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([DEV, "exec", "python", "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.terminate()
        assert process.wait(10) < 0


@pytest.mark.parametrize("options", [("--workers", "0"), ("--workers", "two"), ("--worker",), ("more",)])
def test_full_refuses_a_wrong_call_before_anything_starts(options: tuple[str, ...]):
    done = dev("full", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ./dev full")
