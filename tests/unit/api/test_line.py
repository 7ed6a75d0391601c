"""Events on their way to one reader: in order and whole, however the reader takes them."""

import json
from typing import Any

from attrs import define, field

from bestfill.testing.samples import new_order
from bestfill_api.line import EXTENSION, WRITE_BYTES, line
from bestfill_api.subscriber import Frame, frame

EVENTS = [frame(new_order(n)[1]) for n in range(200)]


@define
class Wire:
    """A transport that says it is full after `room` writes; draining makes room again."""

    room: int
    free: int = field(init=False, default=0)
    written: list[bytes] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.free = self.room

    def write(self, frames: bytes) -> bool:
        assert self.free > 0, "written to while full"
        self.written.append(frames)
        self.free -= 1
        return self.free > 0

    async def drain(self) -> None:
        self.free = self.room


async def refuse(message: dict[str, Any]) -> None:
    raise AssertionError(f"{message} was not sent by the transport")


def wire_of(events: list[Frame]) -> bytes:
    return b"".join(event.wire for event in events)


def test_what_fits_is_written_at_once_and_in_pieces():
    wire = Wire(room=1_000)
    assert line({EXTENSION: wire}, refuse).write(EVENTS)
    assert b"".join(wire.written) == wire_of(EVENTS)
    longest = max(len(event.wire) for event in EVENTS)
    assert all(WRITE_BYTES <= len(piece) < WRITE_BYTES + longest for piece in wire.written[:-1])
    assert len(wire.written) > 1


async def test_the_rest_waits_until_the_reader_takes_it():
    wire = Wire(room=1)
    sending = line({EXTENSION: wire}, refuse)
    done, drained = sending.write(EVENTS), 0
    while not done:
        done, drained = await sending.drain(), drained + 1
    assert b"".join(wire.written) == wire_of(EVENTS)
    assert drained >= len(wire.written) > 1


async def test_one_event_goes_as_it_is_and_what_follows_waits_for_room():
    wire = Wire(room=1)
    sending = line({EXTENSION: wire}, refuse)
    assert not sending.write(EVENTS[:1])
    assert wire.written == [EVENTS[0].wire]
    assert await sending.drain()
    assert not sending.write(EVENTS[1:2])
    assert await sending.drain()
    assert b"".join(wire.written) == wire_of(EVENTS[:2])


async def test_a_server_without_the_extension_gets_message_by_message():
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    sending = line({}, send)
    done = sending.write(EVENTS)
    while not done:
        done = await sending.drain()
    assert [message["type"] for message in sent] == ["websocket.send"] * len(EVENTS)
    assert [message["text"].encode() for message in sent] == [event.text for event in EVENTS]


def test_a_frame_is_a_text_frame_of_any_length():
    short, long = EVENTS[0], frame(new_order(1)[1].__class__(**{**vars(new_order(1)[1]), "data": {"x": "x" * 70_000}}))
    assert short.wire[:2] == b"\x81\x7e"
    assert int.from_bytes(short.wire[2:4]) == len(short.text)
    assert short.wire[4:] == short.text
    assert long.wire[:2] == b"\x81\x7f"
    assert int.from_bytes(long.wire[2:10]) == len(long.text)
    assert json.loads(long.wire[10:])["data"] == {"x": "x" * 70_000}
