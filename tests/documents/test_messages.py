"""Every message that a document explains is one that the code says; the most usual ones are provoked."""

import ast
import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from bestfill.ports import OrderCounts
from bestfill_adapters.telemetry.instruments import Instruments
from bestfill_api.dto import SocketStats
from bestfill_api.metrics import Metrics
from tests import embedded
from tests.deployed import environment, finished
from tests.documents.blocks import DOCUMENTS, ROOT, read

# What others say; all else is ours.
OTHERS = {"sorry, too many clients already", "Consumer encountered a connection error: …"}


def messages(document: str) -> Iterator[str]:
    """Give what stands in backticks in the first column of the tables of what "you see"; `…` is whatever it may be."""
    for table in re.findall(r"^\| you see \|.*\n\| --- .*\n((?:\|.*\n)*)", read(document), re.MULTILINE):
        for row in table.splitlines():
            yield from re.findall(r"`([^`]+)`", row.split(" | ")[0])


def spoken() -> str:
    """Give all texts in the sources, each on a line, with `…` where a value comes."""
    texts: list[str] = []
    for path in (*ROOT.glob("packages/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                texts.append("".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values))
    return "\n".join(texts)


EXPLAINED = [re.escape(message).replace("…", ".*") for message in messages("docs/operations.md")]


def test_every_message_that_is_explained_is_one_of_the_code():
    said = spoken()
    for document in DOCUMENTS:
        for message in set(messages(document)) - OTHERS:
            parts = [part for part in message.split("…") if part.strip(" :,;")]
            assert all(part.strip() in said for part in parts), f"{document}: {message}"


async def test_what_a_start_fails_with_is_explained(tmp_path: Path, database_url: str):
    nowhere, redis = "postgresql://somebody:secret@127.0.0.1:1/nowhere", "redis://127.0.0.1:1/0"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with embedded.started(tmp_path):
            ends = await asyncio.gather(
                embedded.finished(embedded.environment(tmp_path, BESTFILL_CONCURENCY="5")),
                embedded.finished(embedded.environment(tmp_path / "other", PORT=port)),
                embedded.finished(embedded.environment(tmp_path)),  # whose folder is in use
                finished("bestfill_api", environment(nowhere, redis)),
                finished("bestfill_api", environment(database_url, redis)),  # which has no tables
            )
    assert [code for code, _ in ends] == [2, 1, 1, 1, 1]
    for _, said in ends:
        line = said.splitlines()[0]
        assert any(re.search(f"{pattern}$", line) for pattern in EXPLAINED), line


def test_every_metric_that_is_named_is_there():
    sockets = SocketStats(connections=0, subscriptions=0, opened=0, closed=0, events_sent=0, slow_closed=0)
    there = (
        Metrics(Instruments([]).registry)
        .render(sockets, OrderCounts(waiting=0, delayed=0, active=0, completed=0, failed=0, attention=0))
        .decode()
    )
    for document in DOCUMENTS:
        named = set(re.findall(r"\bbestfill_(?:orders|http|socket|sockets|streams)\w*", read(document)))
        assert all(re.search(rf"^(# TYPE )?{name}\b", there, re.MULTILINE) for name in named), named
