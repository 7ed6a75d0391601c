"""Limits of all processes together, counted by Redis."""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from itertools import islice
from typing import Final

import msgspec
from attrs import define, field
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as NoReply

from bestfill_adapters.limits.limiter import Hold, Limiter
from bestfill_adapters.limits.memory import MemoryLimiter, Place
from bestfill_adapters.limits.rate import Rate, Taken
from bestfill_adapters.redis.connection import connection, pool, reason

ANSWER_S: Final = 0.1
"""How long Redis may take, before limits are counted without it."""
RETRY_S: Final = 1.0
ALONE_PART: Final = 4
"""While a process counts by itself, its limits are by so much lower: there may be others."""
LEASE_S: Final = 30.0
"""A place that was not given back, since its process died, is free again after this time."""
RENEW_S: Final = 5.0
ASKED_MAX: Final = 500
TOLD_MAX: Final = 100
"""How much goes in one call, at most, of what somebody waits for, and of what nobody does."""
GATHER_S: Final = 0.5
"""How long Redis may not know what was taken ahead, unless there is more to say."""
AHEAD_PART: Final = 300
"""At most so small a part of a bucket may be taken ahead, and nothing of a smaller one."""
SPARE_PART: Final = 10
"""When so small a part of it is left, nothing is taken ahead any more."""
KNOWN_MAX: Final = 10_000
CLOSING_S: Final = 1.0

# One word in, one number out, each about one key, however many of them come with a call. A take says how many were
# taken ahead, which may leave a bucket more than empty, and how many try; it hears what was owed between the two: how
# many pass follows from that, here as in `Rate.among`. A place is an id with the end of its lease.
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local lease = tonumber(ARGV[2])
local answers = {}
for i, word in ipairs(cmsgpack.unpack(ARGV[1])) do
  local what, key, a, b, ahead, tries = unpack(word)
  local answer = 1
  if what == 'take' then
    local before = math.min(math.max((tonumber(redis.call('GET', key)) or now) - now, 0), 2 * b)
    answer = before + a * ahead
    local debt = answer + a * math.max(math.min(tries, math.floor((b - answer) / a)), 0)
    if debt > before then
      redis.call('SET', key, string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
    end
  elseif what == 'drop' then
    redis.call('ZREM', key, a)
  else
    if what == 'hold' then
      redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
      if redis.call('ZCARD', key) >= b then answer = 0 end
    end
    if answer == 1 then
      redis.call('ZADD', key, now + lease, a)
      redis.call('PEXPIRE', key, math.ceil(lease / 1000))
    end
  end
  answers[i] = string.format('%.0f', answer)
end
return table.concat(answers, ' ')
"""
_SHA: Final = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

_encode: Final = msgspec.msgpack.Encoder().encode
log = logging.getLogger(__name__)


_Name = tuple[str, int | str, int]
"""A bucket with the two numbers that say more: of a rate, or of a place."""


@define(eq=False)
class _Word:
    """What the script is asked or told about one key: how many were taken ahead, and those that wait for the answer, in
    the order of their coming.
    """

    what: str
    name: _Name
    ahead: int = 0
    waiting: "list[asyncio.Future[tuple[int, int] | None]]" = field(factory=list)

    def packed(self) -> tuple[str, str, int | str, int, int, int]:
        bucket, a, b = self.name
        kind = "rate" if self.what == "take" else "held"
        key = f"bestfill:{kind}:{bucket}".encode(errors="replace").decode()
        return self.what, key, a, b, self.ahead, len(self.waiting)

    def give(self, answer: int | None) -> None:
        """Tell everybody the answer, and the place in which they asked; None: there is no answer."""
        for place, one in enumerate(self.waiting):
            if not one.done():
                one.set_result(None if answer is None else (answer, place))


@define(eq=False)
class _Bucket:
    """What is known of a bucket: how many may be taken ahead, and up to which debt; when it will be full again, by this
    process' clock; and how many were taken that Redis has not confirmed, or not even heard of, and since when.
    """

    ahead: int
    debt_max: int
    full_at: int = 0
    unconfirmed: int = 0
    unsaid: int = 0
    since: int = 0


class RedisLimiter(Limiter):
    """Counts with all processes on one Redis, by its clock. One event loop may use it.

    Redis is asked at once, and whatever gathers meanwhile goes with the next call. From a large bucket that is not near
    its end, a little is taken ahead of that: so little that three processes together stay within 1 %.

    While Redis can't be reached, or is slow, this process counts by itself, at a part of each limit; about every
    RETRY_S it looks for Redis, and nobody waits for that.
    """

    def __init__(
        self,
        url: str,
        *,
        answer_s: float = ANSWER_S,
        retry_s: float = RETRY_S,
        lease_s: float = LEASE_S,
        renew_s: float = RENEW_S,
    ) -> None:
        """Take a URL of Redis; nothing is opened before it is needed.

        Raises:
            SettingsError: the URL is none of Redis.
        """
        self._pool = pool(url)
        self._answer_s, self._retry_s, self._lease_s, self._renew_s = answer_s, retry_s, lease_s, renew_s
        self._link: Connection | None = None
        self._alone: MemoryLimiter | None = None
        """Who counts while Redis is away; kept, since that may come again."""
        self._down = self._closed = False
        self._retry_at = 0.0
        self._asked: dict[_Name, _Word] = {}
        self._known: dict[_Name, _Bucket] = {}
        self._unsaid: dict[_Name, _Bucket] = {}
        self._say_all = False
        self._told: list[_Word] = []
        self._calling: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._process, self._places = secrets.token_hex(8), 0
        self._held: dict[str, set[str]] = {}

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def take(self, bucket: str, rate: Rate) -> Taken:
        """Take one from a bucket that is filled at this rate."""
        if (taken := self.take_at_once(bucket, rate)) is not None:
            return taken
        answer = await self._ask("take", (bucket, rate.interval, rate.burst))
        if answer is not None:
            return rate.among(*answer)
        if self._alone is None:
            self._alone = MemoryLimiter()
        return self._alone.take_at_once(bucket, rate.part(ALONE_PART))

    async def hold(self, bucket: str, most: int) -> Hold | None:
        """Take one of so many places and keep it until it is released; None if there is none left."""
        self._places += 1
        place = f"{self._process}:{self._places}"
        try:
            answer = await self._ask("hold", (bucket, place, most))
        except asyncio.CancelledError:
            if self._asked.pop((bucket, place, most), None) is None:
                self._tell("drop", bucket, place)  # it may have been given
            raise
        here = len(self._held.get(bucket, ()))
        if not (here < max(1, most // ALONE_PART) if answer is None else answer[0]):
            return None
        self._held.setdefault(bucket, set()).add(place)
        if self._renewing is None and not self._closed:
            self._renewing = asyncio.create_task(self._renew())

        def leave(_: str) -> None:
            self._leave(bucket, place)

        return Place(leave, place)

    async def close(self) -> None:
        """Say what is left to be said, if that takes no longer than CLOSING_S, and hang up."""
        self._closed = True
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        if self._timer is not None:
            self._call_for_all()
        if (calling := self._calling) is not None:
            await asyncio.wait([calling], timeout=CLOSING_S)
            calling.cancel()
            await asyncio.wait([calling])
        self._known.clear()
        await self._hang_up()

    def take_at_once(self, bucket: str, rate: Rate) -> Taken | None:
        """Take what Redis need not be asked for, and have it told; None, and nothing is taken, if it must be."""
        name = bucket, rate.interval, rate.burst
        if (known := self._known.get(name)) is None or known.unconfirmed >= known.ahead:
            return None
        now = time.monotonic_ns() // 1_000
        debt = known.full_at - now if known.full_at > now else 0
        if debt > known.debt_max:
            return None
        known.full_at = now + debt + rate.interval
        known.unconfirmed += 1
        known.unsaid += 1
        if known.unsaid == 1:
            known.since = now
            self._unsaid[name] = known
            self._call_later()
        elif 2 * known.unsaid == known.ahead & ~1 and now - known.since < GATHER_S * 500_000:
            self._word("take", name)
            self._call()  # or the other half would be gone before Redis hears of this one
        return rate.among(debt, 0)

    def _learn(self, word: _Word, answer: int) -> None:
        """Remember what Redis says of a bucket, with what has been taken ahead since."""
        _, interval, burst = word.name
        if not isinstance(interval, int) or burst < AHEAD_PART * interval or self._closed:
            return
        if (known := self._known.get(word.name)) is None:
            if len(self._known) >= KNOWN_MAX:
                self._known = dict(self._unsaid)
            known = self._known[word.name] = _Bucket(burst // interval // AHEAD_PART, burst - burst // SPARE_PART)
        known.unconfirmed = max(known.unconfirmed - word.ahead, 0)
        passed = max(min(len(word.waiting), (burst - answer) // interval), 0)
        known.full_at = time.monotonic_ns() // 1_000 + answer + (passed + known.unconfirmed) * interval

    async def _ask(self, what: str, name: _Name) -> tuple[int, int] | None:
        """Give the answer to a word, and how many asked it before in the same call; None if Redis has no answer."""
        if self._closed:
            return None
        if self._down:
            self._look()
            return None
        one: asyncio.Future[tuple[int, int] | None] = self._loop.create_future()
        self._word(what, name).waiting.append(one)
        self._call()
        return await one

    def _word(self, what: str, name: _Name) -> _Word:
        """Give the word about this that goes with the next call."""
        if (word := self._asked.get(name)) is None:
            word = self._asked[name] = _Word(what, name)
        return word

    def _tell(self, what: str, bucket: str, place: str) -> None:
        if not self._down and not self._closed:
            self._told.append(_Word(what, (bucket, place, 0)))
            self._call()

    def _leave(self, bucket: str, place: str) -> None:
        self._held[bucket].discard(place)
        if not self._held[bucket]:
            del self._held[bucket]
        self._tell("drop", bucket, place)

    async def _renew(self) -> None:
        """Keep this process' places; Redis learns of those that it did not give, or that it has lost."""
        while True:
            await asyncio.sleep(self._renew_s)
            if self._down:
                self._look()
            elif not self._told:  # or else the last round is still on its way
                for bucket, places in self._held.items():
                    for place in places:
                        self._tell("keep", bucket, place)

    def _look(self) -> None:
        if self._loop.time() >= self._retry_at:
            self._call()

    def _call_later(self) -> None:
        """Call within GATHER_S, for what nobody waits for."""
        if self._timer is None:
            self._timer = self._loop.call_later(GATHER_S, self._call_for_all)

    def _call_for_all(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._unsaid:
            self._say_all = True
            self._call()

    def _call(self) -> None:
        if self._calling is None:
            self._calling = asyncio.create_task(self._keep_calling())

    async def _keep_calling(self) -> None:
        try:
            while True:
                await self._say(self._next_words())
                if not (self._asked or self._told or self._say_all):
                    break
        except BaseException:
            self._drop_words()
            raise
        finally:
            self._calling = None

    def _next_words(self) -> list[_Word]:
        words = self._told[:TOLD_MAX]
        del self._told[:TOLD_MAX]
        if self._say_all:
            for name in islice(self._unsaid, ASKED_MAX):
                self._word("take", name)
            self._say_all = len(self._unsaid) > ASKED_MAX
        for name in [*islice(self._asked, ASKED_MAX)]:
            words.append(self._asked.pop(name))
            if (known := self._unsaid.pop(name, None)) is not None:
                words[-1].ahead, known.unsaid = known.unsaid, 0
        return words

    async def _say(self, words: Sequence[_Word]) -> None:
        answers: Sequence[int | None] = [None] * len(words)
        try:
            answers = await self._evaluate(words)
        except (RedisError, OSError) as error:
            await self._fail(error)
        except BaseException:
            await self._hang_up()  # a reply may have been read in part
            raise
        else:
            if self._down:
                self._down = False
                log.info("limits are counted with the other processes again")
        finally:
            for word, answer in zip(words, answers, strict=True):
                if word.what == "take" and answer is not None:
                    self._learn(word, answer)
                word.give(answer)

    async def _evaluate(self, words: Sequence[_Word]) -> list[int]:
        arguments = (0, _encode([word.packed() for word in words]), int(self._lease_s * 1_000_000))
        async with _patiently(self._answer_s):
            if self._link is None:
                self._link = connection(self._pool)
            await self._link.send_command("EVALSHA", _SHA, *arguments)
            try:
                told = await self._link.read_response()
            except NoScriptError:
                await self._link.send_command("EVAL", _SCRIPT, *arguments)
                told = await self._link.read_response()
        answers = [int(part) for part in told.split()] if isinstance(told, bytes) else []
        if len(answers) != len(words):
            raise NotConnected("the server does not keep to the protocol")
        return answers

    async def _fail(self, error: Exception) -> None:
        if not self._down:
            log.warning("limits are counted by each process alone, and lower", extra={"reason": reason(error)})
        self._down = True
        self._retry_at = self._loop.time() + self._retry_s
        self._drop_words()
        await self._hang_up()

    def _drop_words(self) -> None:
        asked, self._asked = self._asked, {}
        self._told.clear()
        self._known.clear()
        self._unsaid.clear()
        self._say_all = False
        for word in asked.values():
            word.give(None)

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with suppress(RedisError):
                await link.disconnect(nowait=True)


@asynccontextmanager
async def _patiently(seconds: float) -> AsyncIterator[None]:
    """Bound how long Redis may take. Half the time begins anew if this process was itself away from its event loop: its
    own stalls are no reason to count without Redis.

    Raises:
        RedisError: it took longer.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as deadline:
            halfway = loop.call_later(seconds / 2, lambda: deadline.reschedule(loop.time() + seconds / 2))
            try:
                yield
            finally:
                halfway.cancel()
    except TimeoutError as error:
        raise NoReply("no reply in time") from error
