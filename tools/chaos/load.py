"""What the clients of the chaos run do: the seed decides it for each order."""

import asyncio
from typing import Final

from tools.chaos.crowd import ASK_AGAIN, Crowd, pauses
from tools.chaos.plan import Plan

CUT_EACH: Final = 0.25
"""The share of orders whose socket is cut after each event."""
UNKEYED: Final = 0.15
GREEDY: Final = 0.03
"""The share that asks for more than anybody pays."""
HURRIED: Final = 0.1
"""The share of keyed orders whose client hangs up before the answer, and asks again."""
TWICE: Final = 0.05
"""The share of keyed orders that are sent twice at the same time."""
FICKLE: Final = 0.04
"""The share that is to be cancelled a little later."""
AT_ONCE: Final = 40
"""So many customers wait for an answer at the most; the others come later, and in a hurry."""
AGAIN_LATER: Final = 0.1
"""The share of keyed orders that are sent once more when all is over."""


async def trade(plan: Plan, clients: Crowd) -> None:
    """Place the plan's orders, evenly over its time; return when all have been accepted."""
    loop, free = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)
    begun = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(plan.orders):
            await asyncio.sleep(max(0.0, begun + number * plan.seconds / plan.orders - loop.time()))
            await free.acquire()
            tasks.create_task(_customer(plan, clients, number)).add_done_callback(lambda _: free.release())


async def ask_again(plan: Plan, clients: Crowd) -> None:
    """Send some keys once more: the answers must be those of the first time."""
    for number in [*clients.keyed]:
        dice = plan.dice(f"order {number}")
        if dice.random() < AGAIN_LATER:
            await clients.insist(number, fields=_fields(plan, number))


async def _customer(plan: Plan, clients: Crowd, number: int) -> None:
    dice = plan.dice(f"customer {number}")
    fields = _fields(plan, number)
    cut_each = dice.random() < CUT_EACH
    if dice.random() < UNKEYED:
        for pause_s in pauses():
            if (await clients.place(number, keyed=False, fields=fields, cut_each=cut_each)).status not in ASK_AGAIN:
                return
            await asyncio.sleep(pause_s)
    patience_s = dice.uniform(0.001, 0.02) if dice.random() < HURRIED else None
    both = 2 if dice.random() < TWICE else 1
    async with asyncio.TaskGroup() as tasks:
        for _ in range(both):
            tasks.create_task(clients.insist(number, fields=fields, cut_each=cut_each, first_patience_s=patience_s))
    if dice.random() < FICKLE and number in clients.keyed:
        await asyncio.sleep(dice.uniform(0, 2))
        await clients.cancel(clients.keyed[number])


def _fields(plan: Plan, number: int) -> dict[str, object]:
    """Give what a number's order asks for besides: the same each time."""
    return {"minAmountOut": "1000000"} if plan.dice(f"fields {number}").random() < GREEDY else {}
