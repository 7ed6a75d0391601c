"""Redis or Valkey: whether it answers, is new enough, takes writes, and drops nothing by itself."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bestfill_adapters.redis.connection import pool, reason, within
from bestfill_adapters.settings import SettingsError
from bestfill_cli.doctor.check import Check, ok, warn, wrong

OLDEST: Final = 7
ANSWER_S: Final = 3.0
_WHAT: Final = "Redis"


def look(url: str) -> Sequence[Check]:
    """Look at the server."""
    mend = "see that it runs, and that REDIS_URL names it; until then orders run by the sweep alone, each 5 s"
    try:
        told = asyncio.run(_ask(url))
    except SettingsError as error:
        return [wrong(_WHAT, str(error), "mend REDIS_URL")]
    except (RedisError, OSError) as error:
        return [wrong(_WHAT, f"it does not answer: {reason(error)}", mend)]
    return [_server(told), _memory(told)]


async def _ask(url: str) -> Mapping[str, Any]:
    client = Redis(connection_pool=pool(url))
    try:
        async with within(ANSWER_S):
            return await client.info()
    finally:
        await client.aclose()
        await client.connection_pool.disconnect(inuse_connections=True)


def _server(told: Mapping[str, Any]) -> Check:
    name, version = "Redis", str(told.get("redis_version", "?"))
    if "valkey_version" in told:
        name, version = "Valkey", str(told["valkey_version"])
    if told.get("role") not in {None, "master"}:
        return wrong(_WHAT, f"{name} {version} is a replica, which takes no writes", "name the primary in REDIS_URL")
    major = version.partition(".")[0]
    if name == "Redis" and major.isdigit() and int(major) < OLDEST:
        return wrong(_WHAT, f"Redis {version} is too old", f"use Redis {OLDEST} or newer, or Valkey")
    return ok(_WHAT, f"{name} {version} answers")


def _memory(told: Mapping[str, Any]) -> Check:
    policy, most = str(told.get("maxmemory_policy", "?")), told.get("maxmemory", 0)
    if policy == "noeviction":
        return ok("eviction", "noeviction: nothing is dropped to make room")
    limit = "with the memory that it has" if most else "as soon as it gets a maxmemory"
    detail = f"{policy}: wakes may be dropped to make room, {limit}; their orders wait for the sweep"
    return warn("eviction", detail, "set maxmemory-policy to noeviction")
