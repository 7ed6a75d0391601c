"""Performs steps for the client that awaits."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from bestfill_client.answers import ANSWER_MAX_BYTES
from bestfill_client.steps import (
    Answer,
    Ask,
    Closed,
    Lost,
    Message,
    Open,
    Opened,
    Outcome,
    Pause,
    Quiet,
    Read,
    Shut,
    Step,
    Tell,
)
from bestfill_client.transport import Declined, Transport, answer, ended, lost, request


class _Connection(ClientConnection):
    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        try:
            await super().handshake(*args, **kwargs)
        except InvalidStatus as refused:
            raise Declined(refused) from None


class Hand:
    """Performs the steps of one call; it has one WebSocket at the most, for `async with`."""

    def __init__(self, http: httpx.AsyncClient, transport: Transport) -> None:
        self._http, self._transport = http, transport
        self._open = AsyncExitStack()
        self._socket: ClientConnection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def do(self, step: Step) -> Outcome:
        """Perform one."""
        match step:
            case Ask():
                return await self._ask(step)
            case Pause():
                await asyncio.sleep(step.seconds)
            case Open():
                return await self._connect(step)
            case Read():
                return await self._read(step)
            case Shut():
                await self._open.aclose()
            case Tell():
                pass
        return None

    async def _ask(self, ask: Ask) -> Answer | Lost:
        body = bytearray()
        try:
            async with asyncio.timeout(ask.timeout_s), self._http.stream(**request(ask)) as response:
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > ANSWER_MAX_BYTES:
                        break
                return answer(response, body)
        except (httpx.RequestError, TimeoutError) as error:
            return lost(error)

    async def _connect(self, step: Open) -> Opened | Answer | Lost:
        await self._open.aclose()
        options = self._transport.socket(step.timeout_s)
        url = f"{self._transport.address.ws}{step.path}"
        try:
            self._socket = await self._open.enter_async_context(connect(url, create_connection=_Connection, **options))
        except Declined as declined:
            return declined.answer
        except (OSError, EOFError, WebSocketException) as error:
            return lost(error)
        return Opened()

    async def _read(self, step: Read) -> Message | Closed | Quiet:
        try:
            async with asyncio.timeout(step.timeout_s):
                return Message(await self._socket.recv())
        except TimeoutError:
            return Quiet()
        except ConnectionClosed as closed:
            return ended(closed)
