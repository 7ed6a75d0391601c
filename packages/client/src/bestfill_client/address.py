"""Where the engine is, and which proxy leads there: the same for HTTP and for WebSockets."""

import ipaddress
import urllib.request
from urllib.parse import SplitResult, urlsplit

import msgspec

from bestfill_client.errors import WrongArgument


class Address(msgspec.Struct, frozen=True):
    """An engine's base URLs, without a slash at their end, and the proxy's URL, which may hold a password."""

    http: str
    ws: str
    proxy: str | None

    @property
    def private(self) -> bool:
        """Whether nobody can listen on the way: it is encrypted, or leads nowhere."""
        return self.http.startswith("https:") or is_here(urlsplit(self.http).hostname or "")


def address(base_url: str, *, trust_env: bool) -> Address:
    """Read a base URL, which may have a path, as behind a reverse proxy.

    With `trust_env`, the proxies are those of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY), but never
    for this machine itself.

    Raises:
        WrongArgument: it is no http or https URL, or holds what it should not; or the proxy is of no kind known here.
    """
    url = _split(base_url)
    base = f"{url.netloc}{url.path.rstrip('/')}"
    secure = url.scheme == "https"
    proxy = _proxy(url) if trust_env else None
    if proxy is not None and not _usable(proxy):
        # Which one is not said: it may hold a password.
        wanted = 'is no URL such as "http://proxy:3128"; mend it, or add the engine\'s host to NO_PROXY'
        raise WrongArgument("trust_env", f"finds a proxy that {wanted}")
    return Address(f"{url.scheme}://{base}", f"{'wss' if secure else 'ws'}://{base}", proxy)


def _split(base_url: str) -> SplitResult:
    example = 'must be a URL such as "http://127.0.0.1:3000"'
    if not isinstance(base_url, str) or not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise WrongArgument("base_url", example)
    try:
        url = urlsplit(base_url)
        (url.hostname or "").encode("idna")
        known = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        raise WrongArgument("base_url", example) from None
    if not known:
        raise WrongArgument("base_url", example)
    if "@" in url.netloc:
        raise WrongArgument("base_url", "must have no user and password, which would be seen in messages; give headers")
    if "?" in base_url or "#" in base_url:
        raise WrongArgument("base_url", "must have no query and no fragment")
    return url


def _proxy(url: SplitResult) -> str | None:
    host = url.hostname or ""
    if is_here(host) or urllib.request.proxy_bypass(host if url.port is None else f"{host}:{url.port}"):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _usable(proxy: str) -> bool:
    try:
        url = urlsplit(proxy)
        there = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        alone = url.path in ("", "/") and not url.query and not url.fragment
        return there and alone and (url.username is None) is (url.password is None)
    except ValueError:
        return False


def is_here(host: str) -> bool:
    """Say whether a host is this machine, whoever is asked."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
