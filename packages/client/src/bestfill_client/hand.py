"""Performs steps for the client that blocks."""

import time
from contextlib import ExitStack
from typing import Any, Self

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

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
    def handshake(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().handshake(*args, **kwargs)
        except InvalidStatus as refused:
            raise Declined(refused) from None


class Hand:
    """Performs the steps of one call; it has one WebSocket at the most, for `with`."""

    def __init__(self, http: httpx.Client, transport: Transport) -> None:
        self._http, self._transport = http, transport
        self._open = ExitStack()
        self._socket: ClientConnection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def do(self, step: Step) -> Outcome:
        """Perform one."""
        match step:
            case Ask():
                return self._ask(step)
            case Pause():
                time.sleep(step.seconds)
            case Open():
                return self._connect(step)
            case Read():
                return self._read(step)
            case Shut():
                self._open.close()
            case Tell():
                pass
        return None

    def _ask(self, ask: Ask) -> Answer | Lost:
        body, latest = bytearray(), time.monotonic() + ask.timeout_s
        try:
            with self._http.stream(**request(ask)) as response:
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > ANSWER_MAX_BYTES:
                        break
                    if time.monotonic() > latest:
                        raise TimeoutError
                return answer(response, body)
        except (httpx.RequestError, TimeoutError) as error:
            return lost(error)

    def _connect(self, step: Open) -> Opened | Answer | Lost:
        self._open.close()
        options = self._transport.socket(step.timeout_s)
        url = f"{self._transport.address.ws}{step.path}"
        try:
            self._socket = self._open.enter_context(connect(url, create_connection=_Connection, **options))
        except Declined as declined:
            return declined.answer
        except (OSError, EOFError, WebSocketException) as error:
            return lost(error)
        return Opened()

    def _read(self, step: Read) -> Message | Closed | Quiet:
        try:
            return Message(self._socket.recv(step.timeout_s))
        except TimeoutError:
            return Quiet()
        except ConnectionClosed as closed:
            return ended(closed)
