"""The codes that sockets are closed with, all of them: `asyncapi.py` and docs/api.md say what each means."""

from enum import IntEnum


class Closing(IntEnum):
    """RFC 6455's, and from 4000 on our own: an HTTP status and 4000."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    """As INVALID_DATA and MESSAGE_TOO_BIG, sent by the WebSocket library."""
    INVALID_DATA = 1007
    TOO_MUCH_SAID = 1008
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN = 1013
    BAD_REQUEST = 4400
    ENDED = 4401
    """The credential has ended."""
    NOT_FOUND = 4404
