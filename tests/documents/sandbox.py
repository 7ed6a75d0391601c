"""A clone of the tree as a reader of the documents would have it: with a `./dev` that works, and nothing to break."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.documents.blocks import ROOT
from tests.documents.wheels import pack
from tools.servers.process import GUARD

READY_S = 60
COMMAND_S = 120
# Where a script says what runs it: in its first line, or, if that path has a space, in the second, to sh.
HEAD_CHARS = 1_000
SHOWN_ADDRESS = "127.0.0.1:3000"
# Until a server is started; whoever has the real port 3000 is none of ours.
NOBODY = "127.0.0.1:1"

# Written by what the documents do, so each sandbox has its own.
_OWN = (".git", ".venv", ".dev", "dev", "examples", "var", ".env")
# Quick, and the same prices each time: by this seed the same venue pays more for the first 60 times SOL is sold.
_SETTINGS = {
    "PORT": "0",
    "LOG_LEVEL": "warn",
    "BESTFILL_MOCK_QUOTE_MS": "0",
    "BESTFILL_MOCK_CONFIRM_MS": "0",
    "BESTFILL_MOCK_SEED": "documents 9223",
}

# What a pip of the reader's would fetch: what the core needs, and what builds it.
_WHEELS = ("attrs", "hatchling")


class Sandbox:
    """A folder to run commands in; what they start lives no longer than it."""

    def __init__(self, folder: Path, instead: Mapping[str, str]) -> None:
        self.root = folder / "bestfill"
        self._kept = {name: os.environ[name] for name in ("LANG",) if name in os.environ}
        self._environ = {**self._kept, **_SETTINGS, "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
        self._environ |= {"USER": "you", "LOGNAME": "you"}
        self._environ["PATH"] = os.pathsep.join(
            part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if not part.startswith(sys.prefix)
        )
        self._instead = {"/tmp/": f"{folder}/tmp/", **instead}
        self._found(NOBODY)
        self.servers: list[subprocess.Popen[str]] = []
        for path in (self.root, folder / "home", folder / "tmp"):
            path.mkdir()
        for path in ROOT.iterdir():
            if path.name not in _OWN:
                (self.root / path.name).symlink_to(path)
        shutil.copytree(ROOT / "examples", self.root / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "dev", self.root / "dev")
        _set_up(self.root)
        pack(folder / "wheels", _WHEELS)
        self._environ |= {"PIP_NO_INDEX": "1", "PIP_NO_COMPILE": "1", "PIP_FIND_LINKS": str(folder / "wheels")}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in reversed(self.servers):
            _end(server)

    def put(self, name: str, text: str) -> None:
        """Write a file that a document gives."""
        path = self.root / self.meant(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.meant(text) + "\n")

    def run(self, command: str, code: int = 0) -> str:
        """Run a command as a reader would paste it; give what it prints."""
        if command.startswith("export "):
            self._environ.update(word.split("=", 1) for word in shlex.split(self.meant(command))[1:])
            return ""
        # Some clients leave when their input ends, so it does not.
        reading, writing = os.pipe()
        try:
            done = subprocess.run(
                ["sh", "-c", self.meant(command)],
                cwd=self.root, env=self._environ, stdin=reading, capture_output=True, text=True,
                timeout=COMMAND_S, check=False,
            )  # fmt: skip
        finally:
            os.close(reading)
            os.close(writing)
        assert done.returncode == code, f"{command}\nended with {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def python(self, script: str) -> str:
        """Run a Python script as a reader would who has saved it; give what it prints."""
        self.put("snippet.py", script)
        return self.run("./dev exec python snippet.py")

    def serve(self, command: str) -> None:
        """Start what runs until it is stopped, and wait until it is ready; it takes the place of one of its kind."""
        kind = re.findall(r"\./dev \w+", command)[0]
        for former in [server for server in self.servers if kind in str(server.args)]:
            _end(former)
            self.servers.remove(former)
        # Its end is that of the tests, however that comes.
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(int(signal.SIGKILL)), "-"]
        with (self.root.parent / "log").open("a") as log:
            server = subprocess.Popen(
                [*guard, "/bin/sh", "-c", self.meant(command)],
                cwd=self.root, env=self._environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                text=True, start_new_session=True,
            )  # fmt: skip
        self.servers.append(server)
        assert server.stdout is not None
        line = next((line for line in server.stdout if "ready" in line), "")
        assert line, f"{command}\nends with {server.wait()}\n{(self.root.parent / 'log').read_text()}"
        if address := re.search(r" at http://([\d.:]+)", line):
            self._found(address[1])

    def serves(self, command: str) -> bool:
        """Say whether this is what one of the servers runs by."""
        return any(command in server.args for server in self.servers if isinstance(server.args, list))

    def _found(self, address: str) -> None:
        self._instead |= {SHOWN_ADDRESS: address, "localhost:3000": address}
        self._environ["BESTFILL_URL"] = f"http://{address}"

    def rename(self, names: Mapping[str, str]) -> None:
        """Take, from now on, the real ids for those that the document shows."""
        self._instead.update(names)

    def meant(self, text: str) -> str:
        """Give a text of the document with the sandbox's addresses, folders and ids."""
        for shown, real in self._instead.items():
            text = text.replace(shown, real)
        return text


def _set_up(root: Path) -> None:
    """Do what `./dev` does at its first run, without fetching anything: all packages come from this environment."""
    folder = root / ".venv"
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    ours = site.relative_to(folder)
    (site / "tree.pth").write_text(f"import site; site.addsitedir({str(Path(sys.prefix) / ours)!r})\n")
    for script in Path(sys.prefix, "bin").iterdir():
        with suppress(UnicodeDecodeError, IsADirectoryError):
            text, python = script.read_text(), f"{sys.prefix}/bin/python"
            if python in text[:HEAD_CHARS]:
                target = folder / "bin" / script.name
                target.write_text(text.replace(python, f"{folder}/bin/python", 1))
                target.chmod(0o755)
    members = [*sorted(root.glob("packages/*/pyproject.toml")), *sorted(root.glob("services/*/pyproject.toml"))]
    inputs = [root / "requirements/dev.txt", *members]
    (folder / "installed").write_text(f"dev {root.resolve()}\n" + "".join(path.read_text() for path in inputs))
    (root / ".dev").mkdir()
    if (ROOT / ".dev/uv").exists():
        (root / ".dev/uv").symlink_to(ROOT / ".dev/uv")


def _end(server: subprocess.Popen[str]) -> None:
    """Kill it, and all that it started; how it stops when it is asked to is others' to test."""
    with server, suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
