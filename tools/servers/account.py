"""Who the servers run as."""

import os
import pwd
from functools import cache

from tools.servers.errors import ServerError


@cache
def server_account() -> tuple[int, int] | None:
    """Return nobody's uid and gid for root, whom PostgreSQL refuses, and None (stay who you are) for everyone else."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError("servers do not run as root, and there is no user nobody: use another user") from None
    return nobody.pw_uid, nobody.pw_gid
