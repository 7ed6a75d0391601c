"""`bestfill submit`: place an order, and with --watch follow it to its receipt."""

import asyncio
import shlex
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bestfill_cli.commands import watch
from bestfill_cli.exits import Exit
from bestfill_cli.failures import code_of, lines
from bestfill_cli.run import Run
from bestfill_cli.wire import document
from bestfill_client import Accepted, EngineError, new_key


class Swap(NamedTuple):
    """What is to be swapped, as it was given."""

    token_in: str
    token_out: str
    amount: str
    min_out: str | None
    slippage: str | None
    expires_at: str | None

    def options(self) -> list[str]:
        """Give the options that say the same again."""
        options = [("--min-out", self.min_out), ("--slippage", self.slippage), ("--expires-at", self.expires_at)]
        return [word for name, value in options if value is not None for word in (name, value)]


def moment(expires_in_s: int | None, expires_at: str | None) -> str | None:
    """Give the moment of expiry: in so many seconds, or as given; None leaves it to the engine."""
    if expires_in_s is None:
        return expires_at
    expiry = datetime.now(UTC) + timedelta(seconds=expires_in_s)
    return expiry.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def submit(run: Run, swap: Swap, key: str | None, *, follow: bool, timeout_s: float | None) -> Exit:
    """Place an order, under a key by which the very same can be sent again without placing it twice."""
    key = new_key() if key is None else key
    try:
        accepted = _place(run, swap, key)
    except KeyboardInterrupt:
        run.screen.complain("interrupted", *_again(run, swap, key))
        return Exit.INTERRUPTED
    except EngineError as error:
        run.screen.complain(*lines(error), *(_again(run, swap, key) if error.in_doubt else ["no order was placed"]))
        return code_of(error)
    except Exception:
        run.screen.complain(*_again(run, swap, key))
        raise
    if follow:
        return asyncio.run(watch.order(run, accepted.order_id, timeout_s))
    if run.json:
        run.screen.document(document(accepted))
    else:
        run.screen.record({"order": accepted.order_id, "accepted": accepted.created_at, "key": key})
        run.screen.say(f"follow it: bestfill watch {accepted.order_id}")
    return Exit.DONE


def _place(run: Run, swap: Swap, key: str) -> Accepted:
    with run.engine() as engine:
        return engine.submit(
            swap.token_in,
            swap.token_out,
            swap.amount,
            min_amount_out=swap.min_out,
            slippage=swap.slippage,
            expires_at=swap.expires_at,
            user_id=run.user,
            idempotency_key=key,
        )


def _again(run: Run, swap: Swap, key: str) -> list[str]:
    """Say how to be sure whether an order was accepted. Its expiry is part of it, so it must be the same moment."""
    words = ["submit", swap.token_in, swap.token_out, swap.amount, *swap.options(), "--user", run.user, "--key", key]
    return [
        "the order may have been accepted; to be sure, repeat it with its key, which never places it twice:",
        shlex.join(["bestfill", "--url", run.url, *words]),
    ]
