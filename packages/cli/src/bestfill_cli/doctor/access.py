"""Who may ask the engine: whether it wants a key, and what it makes of the one at hand."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from bestfill.access import read_key
from bestfill.errors import ValidationError
from bestfill_cli.doctor.check import Check, ok, warn, wrong
from bestfill_client import Bestfill, EngineError, Forbidden, NotAuthorized, Patience, WrongArgument
from bestfill_client.address import is_here

ANSWER_S: Final = 4.0
_WHAT: Final = "access"
_SET: Final = "set BESTFILL_KEY, or give --key-file; bestfill keys create makes a key"


def look(url: str, key: str | None, insecure: bool) -> Sequence[Check]:
    """Ask without a key, and if that is refused, with it. An engine that does not answer is told elsewhere."""
    try:
        with Bestfill(url, timeout_s=ANSWER_S, patience=Patience(tries=1)) as engine:
            engine.tokens()
    except NotAuthorized:
        if key is None:
            return [wrong(_WHAT, "the engine asks for a key, and none is set", _SET)]
        return [_good(url, key, insecure)]
    except EngineError:
        return []
    unused = "" if key is None else "; the one that is set is not looked at"
    if is_here(urlsplit(url).hostname or ""):
        return [ok(_WHAT, f"the engine asks for no key{unused}")]
    detail = f"the engine asks for no key, so whoever reaches it can trade{unused}"
    return [warn(_WHAT, detail, "set BESTFILL_AUTH where it runs, unless that is meant")]


def _good(url: str, key: str, insecure: bool) -> Check:
    try:
        with Bestfill(url, key=key, insecure=insecure, timeout_s=ANSWER_S, patience=Patience(tries=1)) as engine:
            page = engine.orders(limit=1)
    except WrongArgument as error:
        return wrong(_WHAT, f"the key can't be sent: {error}", "see to what it names; --insecure allows plain http")
    except NotAuthorized as error:
        return wrong(_WHAT, f"the engine does not take the key: {error.message}{_odd(key)}", _SET)
    except Forbidden as error:
        mend = "for orders, use a key with the scope read or trade"
        return warn(_WHAT, f"the key is good, but not for reading orders: {error.message}", mend)
    except EngineError as error:
        return warn(_WHAT, f"whether the key is good can't be told: {error.message}", "try again later")
    whose = f": it is {page.orders[0].user_id}'s" if page.orders else ""
    return ok(_WHAT, f"the engine asks for a key, and takes the one that is set{whose}")


def _odd(key: str) -> str:
    """Say if it cannot be a key, and is no token either: something may have been cut off."""
    try:
        read_key(key)
    except ValidationError:
        return "" if key.count(".") == 2 else "; it has not even the form of a key, bf_…_…, or of a token"
    return ""
