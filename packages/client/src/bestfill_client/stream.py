"""What a reader of a stream has seen, and what each message is to it."""

import msgspec

from bestfill.errors import plain
from bestfill_client import arguments
from bestfill_client.models import Event

MESSAGE_MAX_BYTES = 1024 * 1024
NOISE_MAX = 10_000
"""How many messages in a row may bring nothing new."""


class Nonsense(Exception):
    """A message that no engine sends here; it says what was wrong."""


class _Kind(msgspec.Struct, frozen=True):
    event: str


class Stream:
    """One order's events, by their `seq`, or one user's, by their `userSeq`, after the number `seen`."""

    def __init__(self, *, order_id: str | None = None, user_id: str | None = None, since: int) -> None:
        self.order_id, self._user_id, self.seen = order_id, user_id, arguments.whole("since", since)
        self.ended = False
        self._noise = 0

    @property
    def path(self) -> str:
        """Where the stream goes on."""
        if self.order_id is not None:
            return f"/ws/{self.order_id}" + arguments.query(since=self.seen)
        return "/ws" + arguments.query(userId=self._user_id, since=self.seen)

    def take(self, message: str | bytes) -> Event | None:
        """Give the next event, or None if the message holds nothing new: a repeat, or what only newer clients know.

        Raises:
            Nonsense: it is no event, one of another order, or not the next; or there were too many with nothing new.
        """
        event = self._event(message)
        number = event and (event.user_seq if self.order_id is None else event.seq)
        if event is None or number is None or number <= self.seen:
            self._noise += 1
            if self._noise > NOISE_MAX:
                self._noise = 0
                raise Nonsense(f"{NOISE_MAX} messages brought nothing new")
            return None
        if number > self.seen + 1:
            raise Nonsense(f"event {number} came after event {self.seen}")
        self.seen, self._noise = number, 0
        self.ended = self.order_id is not None and event.ended
        return event

    def _event(self, message: str | bytes) -> Event | None:
        try:
            if msgspec.json.decode(message, type=_Kind).event != "status_update":
                return None
            event = msgspec.json.decode(message, type=Event)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Nonsense(plain(f"a message is no event: {error}")) from None
        if self.order_id not in (None, event.order_id):
            raise Nonsense("an event is of another order")
        return event
