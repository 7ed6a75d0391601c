"""A process that reaches its failpoint is gone that very moment, and has said where."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bestfill.units import Millis
from tools.chaos.doom import KILLED, Doom

ROOT = Path(__file__).parents[3]
FOREVER = Millis(2**52)
CODE = """
import asyncio, sys
from tools.chaos.doom import Doom

async def send():
    print("sending", flush=True)
    await asyncio.sleep(0)
    await asyncio.Event().wait() if "amid" in sys.argv[1] else None
    print("sent", flush=True)

doom = Doom(sys.argv[1], until=2**52)
asyncio.run(doom.around("sign", asyncio.sleep(0)))
asyncio.run(doom.around("send", send()))
print("went on", flush=True)
"""


@pytest.mark.parametrize(
    ("point", "said"), [("before send", []), ("amid send", ["sending"]), ("after send", ["sending", "sent"])]
)
def test_a_process_kills_itself_at_its_point(point: str, said: list[str]):
    done = subprocess.run([sys.executable, "-c", CODE, point], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout.splitlines()) == (-signal.SIGKILL, [*said, f"{KILLED}{point}"]), done.stderr


@pytest.mark.parametrize(
    "doom",
    [
        Doom(),
        Doom("after send", until=FOREVER),
        Doom("before sign", after_s=3600, until=FOREVER),
        Doom("before sign", until=Millis(time.time_ns() // 1_000_000)),
    ],
    ids=["no point", "another point", "too early", "too late"],
)
async def test_at_all_other_points_it_goes_on(doom: Doom):
    assert await doom.around("sign", asyncio.sleep(0, "signed")) == "signed"
