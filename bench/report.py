"""Figures as a table, and the calibration that makes runs on different machines comparable."""

import os
import sqlite3
import tempfile
import time
from pathlib import Path


def table(title: str, rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}")
    for name, figure in rows:
        print(f"  {name:{width}}  {figure}")


def percentile(seconds: list[float], part: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def percentiles(seconds: list[float], places: int = 1) -> str:
    figures = {"p50": percentile(seconds, 0.5), "p99": percentile(seconds, 0.99), "worst": max(seconds)}
    told = [f"{name} {figure * 1_000:.{places}f} ms" for name, figure in figures.items()]
    return ", ".join([*told, f"n {len(seconds)}"])


def sqlite_commits_per_second(count: int = 500) -> float:
    """Single-row transactions a second, each made durable: what the disk and the core can do."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "calibration.sqlite3", isolation_level=None)
        database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (a INTEGER, b TEXT)")
        begin = time.perf_counter()
        for i in range(count):
            database.execute("INSERT INTO t VALUES (?, ?)", (i, "x" * 100))
        spent = time.perf_counter() - begin
        database.close()
    return count / spent


async def postgres_inserts_per_second(url: str, count: int = 1_000) -> float:
    """Single-row transactions a second over one connection: what the driver, the server and its disk can do."""
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE calibration (a BIGINT, b TEXT)")
    begin = time.perf_counter()
    for i in range(count):
        await connection.execute("INSERT INTO calibration VALUES ($1, $2)", i, "x" * 100)
    spent = time.perf_counter() - begin
    await connection.execute("DROP TABLE calibration")
    await connection.close()
    return count / spent


def calibration() -> list[tuple[str, str]]:
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < 0.5:
        sum(range(1_000))
        count += 1
    return [
        ("calibration: cores", str(os.cpu_count())),
        ("calibration: sum(range(1000)) a second", f"{count * 2:,}"),
        ("calibration: durable SQLite commits a second", f"{sqlite_commits_per_second():,.0f}"),
    ]
