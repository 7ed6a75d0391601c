"""Solana nodes that a test owns: what they answer, what they were asked, and when they keep silent."""

import asyncio
import base64
import inspect
import json
from collections.abc import Callable
from typing import Any

import httpx

from bestfill.testing.clock import ManualClock
from bestfill.units import base58_encode
from bestfill_adapters.solana.rpc import Rpc

SECRET = "hunter2"


def address(number: int) -> str:
    return base58_encode(number.to_bytes(32, "big"))


def signature(number: int) -> str:
    return base58_encode(number.to_bytes(64, "big"))


CHAIN, OTHER_CHAIN = address(10**70), address(10**71)


def as_of(slot: int, value: Any) -> dict[str, Any]:
    return {"context": {"slot": slot, "apiVersion": "3.0.0"}, "value": value}


OWNER, HASH = address(9), address(7)


def account(data: bytes = b"abc", owner: Any = OWNER, lamports: Any = 5, **more: Any) -> dict[str, Any]:
    text = base64.b64encode(data).decode()
    return {
        "owner": owner,
        "data": [text, "base64"],
        "lamports": lamports,
        "executable": False,
        "rentEpoch": 2**64 - 1,
    } | more


def blockhash(last: Any = 250, slot: Any = 120, text: Any = HASH) -> dict[str, Any]:
    return as_of(slot, {"blockhash": text, "lastValidBlockHeight": last})


def status(slot: Any = 7, word: Any = "finalized", err: Any = None, **more: Any) -> dict[str, Any]:
    return {"slot": slot, "confirmations": None, "err": err, "status": {"Ok": None}, "confirmationStatus": word} | more


class Node:
    """Answers each method with a result, an Exception, an httpx.Response, or what a function of its params gives."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"getGenesisHash": CHAIN, **answers}
        self.asked: list[tuple[str, Any]] = []
        self.requests: list[httpx.Request] = []

    def times(self, method: str) -> int:
        return sum(asked == method for asked, _ in self.asked)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        question = json.loads(request.content)
        if isinstance(question, list):
            told = [await self._told(one) for one in question]
            whole = next((one for one in told if isinstance(one, httpx.Response)), None)
            return whole or httpx.Response(200, json=told)
        told = await self._told(question)
        return told if isinstance(told, httpx.Response) else httpx.Response(200, json=told)

    async def _told(self, question: dict[str, Any]) -> httpx.Response | dict[str, Any]:
        self.asked.append((question["method"], question["params"]))
        answer = self.answers.get(question["method"], ConnectionRefusedError(SECRET))
        if callable(answer):
            answer = answer(*question["params"])
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, bytes):
            return httpx.Response(200, content=answer)
        told = answer if isinstance(answer, Refusal) else {"result": answer}
        return {"jsonrpc": "2.0", "id": question["id"], **told}


class Refusal(dict[str, Any]):
    """An error as a node answers it."""

    def __init__(self, code: Any, message: str = SECRET) -> None:
        super().__init__(error={"code": code, "message": message})


def transport(*nodes: Node) -> httpx.MockTransport:
    by_host = {f"n{number}.{SECRET}.example": node for number, node in enumerate(nodes, 1)}
    return httpx.MockTransport(lambda request: by_host[request.url.host].answer(request))


def rpc(*nodes: Node, clock: ManualClock | None = None, per_s: int = 1_000, **settings: Any) -> Rpc:
    urls = [f"https://user:{SECRET}@n{n}.{SECRET}.example/{SECRET}?api-key={SECRET}" for n in range(1, len(nodes) + 1)]
    return Rpc(urls, clock or ManualClock(), per_s=per_s, transport=transport(*nodes), **settings)


async def never(*_: Any) -> Any:
    await asyncio.get_running_loop().create_future()


def in_turn(*answers: Any) -> Callable[..., Any]:
    """Give one answer after another, the last one for ever."""
    left = list(answers)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


async def until(condition: Callable[[], bool]) -> None:
    """Let others go on until something holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a test's look at what the code does by itself
            await asyncio.sleep(0)
