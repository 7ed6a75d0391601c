"""`./dev full` with small programs in the services' places: stand_in.py MIGRATE API WORKER, each by its name here."""

import asyncio
import os
import sys

from tools.full.deployment import Commands, Deployment

# Not by a handler and an Event: the signal may come while the Event holds its own lock, and would wait for it for ever.
STOPPABLE = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
def stopped(): signal.sigwait({signal.SIGTERM})
"""
PROGRAMS = {
    "done": "print('tables made')",
    "fails": "import sys; sys.exit('no such column')",
    "api": STOPPABLE
    + """
print('bestfill is ready at http://127.0.0.1:1 (open it in a browser)')
print('a terminal' if sys.stdout.isatty() else 'no terminal')
print(os.environ['DATABASE_URL'].split(':')[0], os.environ['REDIS_URL'].split(':')[0])
stopped()
print('api stops', end='')
""",
    "port taken": "import sys; sys.exit('bestfill: cannot listen')",
    # As dramatiq does it: a master that alone is told to stop, and tells its process.
    "worker": STOPPABLE
    + """
pid = os.fork()
if pid:
    print('bestfill worker is ready')
    stopped()
    os.kill(pid, signal.SIGTERM)
    os.wait()
    print('worker stops')
else:
    stopped()
""",
    "stubborn": """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork() and print('bestfill worker is ready')
signal.pause()
""",
    "slow": STOPPABLE + "print('one moment'); stopped()",
}


async def run(migrate: str, api: str, worker: str) -> int:
    commands = Commands(*([sys.executable, "-c", PROGRAMS[name]] for name in (migrate, api, worker)))
    return await Deployment(os.environ, 2, None, commands).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(*sys.argv[1:])))
