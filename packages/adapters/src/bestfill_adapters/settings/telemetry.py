"""Reads the variables of what an operator sees."""

import re
from typing import Final
from urllib.parse import urlsplit

from bestfill_adapters.settings.model import Hidden

METRICS_PORT: Final = "BESTFILL_METRICS_PORT"
OTLP_ENDPOINT: Final = "BESTFILL_OTLP_ENDPOINT"

_URL: Final = re.compile(r"https?://[!-~]+")
_TRACES: Final = "/v1/traces"


def otlp_endpoint(text: str) -> Hidden:
    """Read the URL of an OpenTelemetry collector, with or without the path at which it takes traces."""
    try:
        parts = urlsplit(text)
        good = _URL.fullmatch(text) and parts.hostname and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        good = False
    if not good:
        raise ValueError("must be a URL such as http://host:4318")
    base = text.rstrip("/")
    return Hidden(base if base.endswith(_TRACES) else base + _TRACES)
