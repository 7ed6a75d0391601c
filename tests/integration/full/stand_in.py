"""`./dev full` with small programs in the services' places: stand_in.py MIGRATE API WORKER, each by its name here."""

import asyncio
import os
import sys

from tools.full.deployment import Commands, Deployment

STOPPABLE = """
import os, signal, sys, threading
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
"""
PROGRAMS = {
    "done": "print('tables made')",
    "fails": "import sys; sys.exit('no such column')",
    "api": STOPPABLE
    + """
print('bestfill is ready at http://127.0.0.1:1 (its reference: …)')
print('a terminal' if sys.stdout.isatty() else 'no terminal')
print(os.environ['DATABASE_URL'].split(':')[0], os.environ['REDIS_URL'].split(':')[0])
stop.wait()
print('api stops', end='')
""",
    "port taken": "import sys; sys.exit('bestfill: cannot listen')",
    # As dramatiq does it: a master that alone is told to stop, and tells its process.
    "worker": STOPPABLE
    + """
pid = os.fork()
if pid:
    print('bestfill worker is ready')
    stop.wait()
    os.kill(pid, signal.SIGTERM)
    os.wait()
    print('worker stops')
else:
    stop.wait()
""",
    "stubborn": """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork() and print('bestfill worker is ready')
signal.pause()
""",
    "slow": STOPPABLE + "print('one moment'); stop.wait()",
}


async def run(migrate: str, api: str, worker: str) -> int:
    commands = Commands(*([sys.executable, "-c", PROGRAMS[name]] for name in (migrate, api, worker)))
    return await Deployment(os.environ, 2, None, commands).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(*sys.argv[1:])))
