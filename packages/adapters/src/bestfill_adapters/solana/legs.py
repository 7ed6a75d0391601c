"""The payload of a quote and of a leg on Solana: all that a swap must be told, but whose it is and how much.

It is written by a venue, stored with the attempt, and read by the network; what is read is believed only as far as the
transaction that it makes stands up to `checking`.
"""

from typing import Final, Literal

import msgspec

from bestfill.errors import ExecutionError

_LONGEST: Final = 4_096
_MOST_TERMS: Final = 64
_WORD_MAX_CHARS: Final = 64


class LegTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pool of a market to swap in, and `terms`, as the market's `terms` gave them.

    `forward` is from side 0 to side 1; `version` is this format's.
    """

    version: Literal[1] = 1
    market: str
    pool: str
    forward: bool
    terms: tuple[str, ...]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(LegTerms)


def encode_leg(leg: LegTerms) -> bytes:
    """Write a payload; the same terms always gives the same bytes.

    Raises:
        ExecutionError: it is none that `decode_leg` would read.
    """
    data = _encoder.encode(leg)
    decode_leg(data)
    return data


def decode_leg(data: bytes) -> LegTerms:
    """Read a payload.

    Raises:
        ExecutionError: the bytes are none that `encode_leg` gives.
    """
    if len(data) > _LONGEST:
        raise ExecutionError(f"a leg's payload has more than {_LONGEST} bytes")
    try:
        leg = _decoder.decode(data)
        again = _encoder.encode(leg)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ExecutionError("a leg's payload is not that of a swap on Solana") from error
    if again != data:
        raise ExecutionError("a leg's payload is not written in its only form")
    words = (leg.market, leg.pool, *leg.terms)
    if not all(word.isascii() and word.isprintable() and 0 < len(word) <= _WORD_MAX_CHARS for word in words):
        raise ExecutionError("a leg's payload names something by other than 1 to 64 printable characters")
    if len(leg.terms) > _MOST_TERMS:
        raise ExecutionError(f"a leg's payload has more than {_MOST_TERMS} terms")
    return leg
