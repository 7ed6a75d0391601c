"""Reads the bounds that an operator sets to orders. Tokens stay as they are written: which there are shows later."""

import re
from typing import Final

_NAME: Final = re.compile(r"[!-<>-~]{1,64}")
_AMOUNT: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,19})?")
_PAIRS: Final = "must be tokens with the most of each, such as SOL=100,USDC=15000, each once, parted by commas"
_NAMES: Final = "must be symbols or mint addresses of tokens, each once, parted by commas"


def amounts(text: str) -> tuple[tuple[str, str], ...]:
    """Read amounts in display units, by the token's symbol or mint."""
    pairs: list[tuple[str, str]] = []
    for part in text.split(","):
        name, equals, amount = (piece.strip() for piece in part.partition("="))
        if not equals or not _NAME.fullmatch(name) or not _AMOUNT.fullmatch(amount):
            raise ValueError(_PAIRS)
        pairs.append((name, amount))
    if len(dict(pairs)) != len(pairs):
        raise ValueError(_PAIRS)
    return tuple(pairs)


def tokens(text: str) -> tuple[str, ...]:
    """Read symbols or mints of tokens."""
    names = tuple(name.strip() for name in text.split(","))
    if len(set(names)) != len(names) or not all(map(_NAME.fullmatch, names)):
        raise ValueError(_NAMES)
    return names
