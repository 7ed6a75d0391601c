"""Become a command that dies with the process that asked for it: guard.py PARENT SIGNAL UID:GID|- COMMAND...

A program of its own and not a `preexec_fn`, because that may hang where the parent has threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, signal: str, account: str, *command: str) -> None:
    """Drop root, ask to be sent the signal when the parent dies, and turn into the command."""
    libc = ctypes.CDLL(None, use_errno=True)
    if account != "-":
        uid, gid = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    # After the change of user, which would clear it.
    if sys.platform == "linux" and libc.prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    # A parent that died before the request will send nothing.
    if os.getppid() != int(parent):
        sys.exit("the parent is gone")
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
