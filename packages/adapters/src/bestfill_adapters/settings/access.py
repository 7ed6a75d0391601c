"""Reads the variables that say who may ask, and from where."""

import ipaddress
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, TypeAlias

from bestfill_adapters.settings import texts
from bestfill_adapters.settings.model import SettingsError

if TYPE_CHECKING:
    from bestfill_adapters.settings.model import Settings

AUTH: Final = "BESTFILL_AUTH"
OPEN_TO_ALL: Final = "BESTFILL_OPEN_TO_ALL"
JWKS: Final = "BESTFILL_JWT_JWKS"
ISSUER: Final = "BESTFILL_JWT_ISSUER"
AUDIENCE: Final = "BESTFILL_JWT_AUDIENCE"
HOSTS: Final = "BESTFILL_HOSTS"
TRUSTED_PROXIES: Final = "BESTFILL_TRUSTED_PROXIES"

_WAYS: Final = ("none", "keys", "jwt")
_OF_JWT: Final = {JWKS: "the path of a JWKS file", ISSUER: "who issues tokens", AUDIENCE: "whom tokens are for"}
_CLAIM_MAX_CHARS: Final = 500

IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def auth(text: str) -> str:
    """Read how callers show who they are."""
    if (way := text.lower()) not in _WAYS:
        raise ValueError(f"must be one of {', '.join(_WAYS)}")
    return way


def claim(text: str) -> str:
    """Read what a claim of each token must be."""
    if len(text) > _CLAIM_MAX_CHARS or not text.isprintable():
        raise ValueError(f"must be at most {_CLAIM_MAX_CHARS} printable characters")
    return text


def hosts(text: str) -> tuple[str, ...]:
    """Read names of hosts, without ports."""
    try:
        names = tuple(texts.host(name.strip()).lower() for name in text.split(","))
    except ValueError:
        names = ()
    if not names or len(set(names)) != len(names):
        raise ValueError("must be host names such as trade.example, each once and without a port, parted by commas")
    return names


def networks(text: str) -> tuple[IPNetwork, ...]:
    """Read networks, or single addresses."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.0/8 or ::1, parted by commas") from None


def lacking(given: Collection[str], way: object) -> list[str]:
    """Say what must be set besides what is given."""
    of_jwt = [name for name in _OF_JWT if name in given]
    if way == "jwt":
        missing = (name for name in _OF_JWT if name not in given)
        return [f"{name}: must be set too, since {AUTH} is jwt: {_OF_JWT[name]}" for name in missing]
    return [f"{AUTH}: must be jwt, since {of_jwt[0]} is set; or unset that"] if of_jwt else []


def check_exposed(settings: "Settings") -> None:
    """See that who listens where others reach it asks who they are.

    Raises:
        SettingsError: anybody could trade.
    """
    access = settings.access
    if access.auth == "none" and not access.open_to_all and not loopback(settings.host):
        mend = f"or set HOST to 127.0.0.1, or {OPEN_TO_ALL}=true if anybody who gets there may trade"
        raise SettingsError([f"{AUTH}: must be keys or jwt, since HOST, {settings.host}, is not loopback; {mend}"])


def loopback(host: str) -> bool:
    """Say whether only this machine reaches a host, an address or a name, by what is known without asking."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        name = host.lower()
        return name == "localhost" or name.endswith(".localhost")
