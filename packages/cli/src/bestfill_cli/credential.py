"""The key that says who asks: from the environment or a file, and never from an argument, which everybody can list."""

import os
from typing import Final

from bestfill_client import WrongArgument

VARIABLE: Final = "BESTFILL_KEY"
_MAX_BYTES: Final = 8_192


def find(path: str | None) -> str | None:
    """Give the key of a file, or else that of the environment, if there is one.

    Raises:
        WrongArgument: the file can't be read, or holds no key. Nothing of what it holds is shown.
    """
    if path is None:
        return os.environ.get(VARIABLE, "").strip() or None
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise WrongArgument("key_file", f"can't be read: {error.strerror or type(error).__name__}") from None
    key = text.decode("ascii", "replace").strip()
    if not key or len(text) > _MAX_BYTES or not key.isascii():
        raise WrongArgument("key_file", "must hold a key, and nothing else")
    return key
