"""The WebSockets: one order's story, or all of a user's orders."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, Final

from attrs import frozen
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler
from litestar.params import PathParameter

from bestfill.errors import OrderNotFound, StoreError
from bestfill.events import OrderEvent
from bestfill.ports import OrderStore
from bestfill_api import fields
from bestfill_api.closing import Closing
from bestfill_api.dto import SocketStats
from bestfill_api.edge.guard import READ
from bestfill_api.edge.identity import Lapse
from bestfill_api.edge.keeper import Keeper
from bestfill_api.edge.owner import NO_ORDER, own_list, own_order
from bestfill_api.edge.visit import visit_of
from bestfill_api.feed import Dispatcher
from bestfill_api.follow import PAGE, Counts, Follower, Pace, TooSlow
from bestfill_api.form import FieldError, Form, Invalid, query_form
from bestfill_api.line import line
from bestfill_api.subscriber import GONE, Subscriber

READERS: Final = 32
"""How many sockets read the store at once, so that however many are behind, others get at it too."""

_SEQ_MAX: Final = 10**15 - 1
_REASON_MAX_BYTES: Final = 123

_REASONS: Final[Mapping[int, str]] = {
    Closing.TRY_AGAIN: "too slow; go on with since",
    Closing.SERVICE_RESTART: "stopping; go on with since",
}

log = logging.getLogger(__name__)
Socket = WebSocket[Any, Any, Any]


@frozen
class Close:
    """How a socket ends."""

    code: int
    reason: str = ""


class Sockets:
    """Serves WebSockets that the edge has let in, and counts them."""

    def __init__(
        self, store: OrderStore, dispatcher: Dispatcher, pace: Pace | None = None, keeper: Keeper | None = None
    ) -> None:
        self._store, self._dispatcher, self._pace = store, dispatcher, pace or Pace()
        self._keeper = keeper or Keeper(None)
        self._counts = Counts()
        self._reading = asyncio.Semaphore(READERS)

    def stats(self) -> SocketStats:
        """Count."""
        counts = self._counts
        return SocketStats(
            connections=counts.opened - counts.closed,
            subscriptions=self._dispatcher.subscriptions,
            opened=counts.opened,
            closed=counts.closed,
            events_sent=counts.events_sent,
            slow_closed=counts.slow_closed,
        )

    async def order(self, socket: Socket, order_id: str) -> None:
        """Tell one order's whole story after `since`, and close after its end."""
        await self._serve(socket, partial(self._order, socket, order_id))

    async def user(self, socket: Socket) -> None:
        """Tell all that happens to a user's orders after `since`, or from now on."""
        await self._serve(socket, partial(self._user, socket))

    async def _serve(self, socket: Socket, follow: Callable[[], Awaitable[Close]]) -> None:
        # OSError is what the server raises when the client has left, and a close that is not taken in time.
        with suppress(OSError, WebSocketDisconnect):
            await socket.accept()
            self._counts.opened += 1
            try:
                close = await self._outcome(follow)
                if close.code != GONE:
                    async with asyncio.timeout(self._pace.send_s):
                        await socket.close(close.code, close.reason)
            finally:
                self._counts.closed += 1

    async def _outcome(self, follow: Callable[[], Awaitable[Close]]) -> Close:
        try:
            return await follow()
        except Invalid as error:
            log.info("socket refused", extra={"reason": error.reason})
            return Close(Closing.BAD_REQUEST, _short(error.reason))
        except OrderNotFound as error:
            return Close(Closing.NOT_FOUND, error.reason)
        except StoreError as error:
            log.error("socket not served", extra={"reason": error.reason})
            return Close(Closing.TRY_AGAIN, "the store does not answer; try again later")
        except (OSError, WebSocketDisconnect):
            raise
        except Exception:
            log.exception("socket failed")
            return Close(Closing.INTERNAL_ERROR, "something went wrong here; go on with since")

    async def _order(self, socket: Socket, text: str) -> Close:
        form = query_form(socket.scope["query_string"], ("since",))
        since = _since(form) or 0
        form.check()
        if (order_id := fields.order_id(text)) is None:
            raise OrderNotFound(NO_ORDER)
        with self._dispatcher.order(order_id) as subscriber:
            order = own_order(await self._store.get(order_id), visit_of(socket).owner)
            _not_ahead(since, order.seq)
            if order.status.terminal and since == order.seq:
                return Close(Closing.NORMAL)
            follower = self._follower(
                socket, subscriber, partial(self._store.events, order_id), "seq", since, ends=True
            )
            return await self._follow(socket, follower, since < order.seq, {"order_id": order_id})

    async def _user(self, socket: Socket) -> Close:
        form = query_form(socket.scope["query_string"], ("userId", "since"))
        owner = visit_of(socket).owner
        named, since = form.text("userId", fields.user_id, required=owner is None), _since(form)
        if form.errors or (user_id := own_list(named, owner)) is None:
            raise Invalid(form.errors)
        with self._dispatcher.user(user_id) as subscriber:
            async with self._reading:
                last = await self._store.user_seq(user_id)
            since = last if since is None else since
            _not_ahead(since, last)
            follower = self._follower(
                socket, subscriber, partial(self._store.user_events, user_id), "user_seq", since, ends=False
            )
            return await self._follow(socket, follower, since < last, {"user_id": user_id})

    def _follower(
        self,
        socket: Socket,
        subscriber: Subscriber,
        read: Callable[..., Awaitable[Sequence[OrderEvent]]],
        number: str,
        since: int,
        *,
        ends: bool,
    ) -> Follower:
        subscriber.seen = since
        return Follower(
            subscriber=subscriber,
            read=partial(self._read, read),
            number=attrgetter(number),
            line=line(socket.scope["extensions"] or {}, socket.send),  # pyright: ignore[reportArgumentType] - a dict is a message
            ends=ends,
            pace=self._pace,
            counts=self._counts,
        )

    async def _read(self, read: Callable[..., Awaitable[Sequence[OrderEvent]]], since: int) -> Sequence[OrderEvent]:
        async with self._reading:
            return await read(since, limit=PAGE)

    async def _follow(self, socket: Socket, follower: Follower, behind: bool, about: dict[str, str]) -> Close:
        log.info("socket opened", extra=about)
        reader = asyncio.create_task(_until_gone(socket, follower.subscriber))
        code: int = GONE
        lapsed = ""

        def end(lapse: Lapse) -> None:
            nonlocal lapsed
            lapsed = lapse.reason
            follower.subscriber.end(lapse.code)

        try:
            with self._keeper.watching(visit_of(socket).held, end):
                code = await follower.run(behind=behind)
        except TooSlow:
            code = Closing.TRY_AGAIN
            self._counts.slow_closed += 1
        finally:
            log.info("socket closed", extra={**about, "close_code": code or None})
            reader.cancel()
            await asyncio.wait([reader])
        return Close(code, lapsed or _REASONS.get(code, ""))


def stream_routes(sockets: Sockets) -> list[WebsocketRouteHandler]:
    """Make the handlers of the WebSockets."""

    @websocket("/ws/{orderId:str}", opt=READ)
    async def order_stream(socket: Socket, order_id: Annotated[str, PathParameter(name="orderId")]) -> None:
        await sockets.order(socket, order_id)

    @websocket("/ws", opt=READ)
    async def user_stream(socket: Socket) -> None:
        await sockets.user(socket)

    return [order_stream, user_stream]


async def _until_gone(socket: Socket, subscriber: Subscriber) -> None:
    """Read, and drop what is read, so that a client that leaves is noticed at once."""
    with suppress(OSError, WebSocketDisconnect):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    subscriber.end(GONE)


def _since(form: Form) -> int | None:
    return form.text("since", partial(fields.whole, least=0, most=_SEQ_MAX))


def _not_ahead(since: int, last: int) -> None:
    """A reader that has seen more than there is talks of another store: better told than left waiting."""
    if since > last:
        raise Invalid([FieldError("since", f"is ahead of the last event, {last}")])


def _short(reason: str) -> str:
    return reason.encode()[:_REASON_MAX_BYTES].decode(errors="ignore")
