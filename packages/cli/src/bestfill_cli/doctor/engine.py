"""The engine's address: who answers there, whether it can serve, what its clock says, and what waits for a person."""

import json
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from bestfill.errors import plain
from bestfill_adapters.settings import Settings
from bestfill_cli.doctor.check import Check, ok, warn, wrong
from bestfill_client import Bestfill, EngineError, NotAllowed, Patience, QueueStats, WrongArgument
from bestfill_client.transport import Transport, lost

ANSWER_S: Final = 4.0
OFF_MAX_S: Final = 2.0
_STALE_S: Final = 2.0
"""A Date header has whole seconds, and servers renew it once a second."""
_BODY_MAX_BYTES: Final = 64 * 1024


class Answer(NamedTuple):
    """What was answered, and how far the server's clock is ahead in seconds, as far as it shows."""

    status: int
    body: Any
    ahead_s: float | None

    @property
    def bestfill(self) -> bool:
        """Whether a bestfill engine says this."""
        if not isinstance(self.body, dict):
            return False
        return self.body.get("status") == "ok" if self.status == 200 else self.body.get("code") == "NOT_READY"


def look(url: str, settings: Settings | None, key: str | None = None, insecure: bool = False) -> Sequence[Check]:
    """Look at who answers at the address, and at the port of the settings if that is another."""
    return [*_asked(url, key, insecure), *_own_port(url, settings)]


def _asked(url: str, key: str | None, insecure: bool) -> list[Check]:
    where = _shown(url)
    try:
        answer = ask(url)
    except WrongArgument as error:
        why = " ".join(error.field_errors.values())
        return [wrong("engine", f"{where}: the address {why}", "give another by --url or BESTFILL_URL")]
    except httpx.TimeoutException:
        mend = "see that it is not stopped, and that this machine can reach it"
        return [wrong("engine", f"no answer at {where} within {ANSWER_S:g} s", mend)]
    except (httpx.ConnectError, httpx.ProxyError) as error:
        mend = "start it, as with ./dev run; or name another with --url"
        return [wrong("engine", f"no answer at {where}: {lost(error).reason}", mend)]
    except httpx.RequestError:
        return [_stranger(where)]
    if not answer.bestfill:
        return [_stranger(where)]
    if answer.status != 200:
        detail = plain(str(answer.body.get("detail", "")))
        return [wrong("engine", f"{where} answers, but can't serve: {detail}", "see to what it names"), *_clock(answer)]
    return [ok("engine", f"{where} is ready"), *_clock(answer), *_attention(url, key, insecure)]


def ask(url: str, *, trust_env: bool = True) -> Answer:
    """Ask an address for its health, in the way of all commands: by the environment's proxies, as careful with TLS.

    Raises:
        WrongArgument: it is no address.
        httpx.RequestError: nobody answers, or not by HTTP.
    """
    way, body = Transport.build(url, None, None, trust_env=trust_env).http(), bytearray()
    with httpx.Client(timeout=ANSWER_S, **way) as client:
        asked = time.time()
        with client.stream("GET", "/health/ready", headers={"accept-encoding": "identity"}) as response:
            answered = time.time()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > _BODY_MAX_BYTES:
                    break
    return Answer(response.status_code, _json(body), _ahead(response.headers.get("date"), asked, answered))


def _json(body: bytearray) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _ahead(date: str | None, asked: float, answered: float) -> float | None:
    """Give by how much the server's clock must be ahead (below 0: behind) for its Date; 0 if it may be right."""
    try:
        told = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    if told > answered:
        return told - answered
    latest = told + 1 + _STALE_S
    return latest - asked if latest < asked else 0.0


def _clock(answer: Answer) -> list[Check]:
    if answer.ahead_s is None:
        return []
    if abs(answer.ahead_s) > OFF_MAX_S:
        way = "ahead of" if answer.ahead_s > 0 else "behind"
        detail = f"the engine's is {abs(answer.ahead_s):.0f} s {way} this machine's"
        return [warn("clock", detail, "have both set by NTP: orders expire by the engine's clock")]
    return [ok("clock", f"the engine's and this machine's agree within {OFF_MAX_S:g} s")]


def _attention(url: str, key: str | None, insecure: bool) -> list[Check]:
    try:
        with Bestfill(url, key=key, insecure=insecure, timeout_s=ANSWER_S, patience=Patience(tries=1)) as engine:
            stats = engine.queue_stats()
    except (NotAllowed, WrongArgument):
        return []  # which is told of the access
    except EngineError as error:
        return [wrong("orders", error.message, "look at the engine's log")]
    return [*_halted(stats), _orders(stats)]


def _halted(stats: QueueStats) -> list[Check]:
    if not stats.halted:
        return []
    detail = "it is halted: nothing is signed, and no order is taken"
    return [warn("halt", detail, "bestfill audit says by whom and why; when that is over, bestfill resume")]


def _orders(stats: QueueStats) -> Check:
    if stats.dead_count:
        detail = f"{stats.dead_count} need a person: nobody can tell whether their swaps landed"
        return warn("orders", detail, 'see "Orders that need a person" in docs/operations.md')
    return ok("orders", f"{stats.waiting_count} wait, {stats.active_count} are in hand, none needs a person")


def _own_port(url: str, settings: Settings | None) -> list[Check]:
    """Look at the port where an engine of these settings would listen, if it is not the one that was asked."""
    if settings is None or settings.port in {0, _port(url)}:
        return []
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    where = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    try:
        bestfill = ask(where, trust_env=False).bestfill
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return [ok("port", f"{settings.port} of HOST and PORT: nobody listens there")]
    except httpx.RequestError:
        bestfill = False
    if bestfill:
        detail = f"an engine listens at {where}, which is not the one that was asked"
        return [warn("port", detail, f"ask it with --url {where}, or set BESTFILL_URL")]
    return [wrong("port", f"{settings.port} is in use by something else", "set PORT to another, or stop what has it")]


def _port(url: str) -> int | None:
    try:
        parts = urlsplit(url)
        return parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None


def _stranger(where: str) -> Check:
    return wrong("engine", f"what answers at {where} is no bestfill engine", "name another address with --url, or PORT")


def _shown(url: str) -> str:
    """Give an address without what may be secret in it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        shown = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{shown}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "the address"
