"""Where servers keep their files: a cache of this user's own, and one folder a server, which goes when it goes."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tools.servers.account import server_account
from tools.servers.errors import ServerError

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108
ROOM_BYTES = 1 << 30
SCRATCH = "bestfill-server-"
NEW_S = 60


@cache
def base() -> Path:
    """Return the folder that outlives servers: in .dev/, or in a temp folder if the servers cannot reach .dev/.

    It belongs to this user, and nobody else can write there. Raises ServerError if there is no place for it.
    """
    name = f"bestfill-{os.geteuid()}"
    tops = (tempfile.gettempdir(), "/tmp", "/var/tmp")  # noqa: S108 - whose folder it is gets checked
    candidates = [ROOT / ".dev/servers", *(Path(top) / name for top in tops)]
    for folder in candidates:
        if _is_private(folder) and _reachable(folder):
            return folder
    raise ServerError(f"servers need a folder, and can make or reach none of {', '.join(map(str, candidates))}")


def home(given: Path | None, scratch: Path) -> Path:
    """Return where a server's data goes: to the folder it was given, or else to its temporary one.

    For root, what nobody cannot reach is kept in base() instead, under a name that is the same each time.
    """
    if given is None:
        return scratch / "data"
    given = given.absolute()
    given.parent.mkdir(parents=True, exist_ok=True)
    if _reachable(given.parent):
        return given
    return base() / f"kept-{given.name}-{hashlib.sha256(os.fsencode(given)).hexdigest()[:12]}"


def _is_private(folder: Path) -> bool:
    """Make the folder if it is not there, and tell whether it is this user's alone."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        # In a shared temp folder anyone may have made it first.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        folder.chmod(0o711 if server_account() else 0o700)
    except OSError:
        return False
    return True


def _reachable(folder: Path) -> bool:
    """Tell whether the servers' account can enter the folder and run programs in it."""
    if server_account() is None:
        return True
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        return False
    folder = folder.resolve()
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


@contextmanager
def _alone() -> Iterator[None]:
    with (base() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of that name in base(), which `build` fills if it is not there yet."""
    final = base() / name
    if final.exists():
        return final
    with _alone():
        if not final.exists():
            new = base() / "new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            build(new)
            os.sync()  # or a power cut may leave half of it under its final name
            new.rename(final)
    return final


def give(folder: Path, account: tuple[int, int] | None) -> None:
    """Hand a folder and all in it to an account, which cannot enter it before the end; None: leave it as it is."""
    if account is None:
        return
    os.chown(folder, 0, 0)
    for _, folders, files, here in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(name, *account, dir_fd=here, follow_symlinks=False)
    os.chown(folder, *account)


class Scratch:
    """One server's folder, locked for as long as this process or the server lives; close() removes it.

    `memory`: in RAM if there is room, else on disk. What killed processes left is swept by whoever makes the next one.
    """

    def __init__(self, *, memory: bool) -> None:
        top = base()
        if memory and MEMORY.is_dir():
            found = os.statvfs(MEMORY)
            top = MEMORY if found.f_bavail * found.f_frsize >= ROOM_BYTES else top
        for abandoned in (*base().glob(f"{SCRATCH}*"), *MEMORY.glob(f"{SCRATCH}*")):
            _sweep(abandoned)
        self.path = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=top))
        self.lock = os.open(self.path, os.O_RDONLY)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.path.chmod(0o711 if server_account() else 0o700)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path)
        os.close(self.lock)


def _sweep(folder: Path) -> None:
    """Remove a folder that is this user's and that nobody holds."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # another's, or gone meanwhile
        return
    try:
        found = os.fstat(lock)
        # A new one is not locked yet.
        if found.st_uid == os.geteuid() and time.time() - found.st_mtime > NEW_S:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)
