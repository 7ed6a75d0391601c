"""Who asks: how a credential comes, and what knows whether it is good."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from attrs import frozen

from bestfill.errors import Unauthorized
from bestfill_api.closing import Closing
from bestfill_api.edge.visit import Pass
from bestfill_api.wire import header_values

CREDENTIAL_MAX_CHARS: Final = 8 * 1024

_BEARER: Final = re.compile(rb"bearer +([!-~]+)", re.IGNORECASE)
_OFFER: Final = "bearer."
_MISSING: Final = "this needs a credential: send Authorization: Bearer, with a key or a token"
_SEVERAL: Final = "send one credential, as Authorization: Bearer, with a key or a token"


@frozen
class Lapse:
    """Why a socket may not go on with a credential, and the code that it is closed with."""

    code: Closing
    reason: str


class Identity(Protocol):
    """Knows which credentials are good."""

    async def admit(self, credential: str) -> Pass:
        """Say whose a credential is.

        Raises:
            Unauthorized: it is not good.
            NotReady: nobody can tell now.
        """
        ...

    def lapse(self, held: Pass) -> Lapse | None:
        """Say why a pass that was given is not good any more, by what was last heard."""
        ...

    async def refresh(self) -> None:
        """Hear what has ended since; a failure is only noted."""
        ...


def credential(headers: Iterable[tuple[bytes, bytes]], offered: Sequence[str] = ()) -> str:
    """Give the credential of a request; a socket of a browser, which can't set headers, may offer it as a subprotocol.

    Raises:
        Unauthorized: there is none, or more than one.
    """
    given = header_values(headers, b"authorization")
    texts = [offer.removeprefix(_OFFER) for offer in offered if offer.startswith(_OFFER)] if offered else []
    if len(given) + len(texts) != 1:
        raise Unauthorized(_SEVERAL if given or texts else _MISSING)
    if given:
        if (match := _BEARER.fullmatch(given[0])) is None:
            raise Unauthorized(_SEVERAL)
        texts = [match[1].decode("ascii")]
    if len(texts[0]) > CREDENTIAL_MAX_CHARS:
        raise Unauthorized("the credential is too long to be a key or a token")
    return texts[0]


def offered(scope: Any) -> Sequence[str]:
    """Give the subprotocols that a socket offers; of a request none."""
    return scope.get("subprotocols") or ()
