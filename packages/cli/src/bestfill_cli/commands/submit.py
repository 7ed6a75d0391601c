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
from bestfill_client import Accepted, EngineError, TimedOut, TooLate, new_key


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
        run.screen.complain(*lines(error), *(_again(run, swap, key) if error.in_doubt else _not_placed(error)))
        return code_of(error)
    except Exception:
        run.screen.complain(*_again(run, swap, key))
        raise
    try:
        return _tell(run, accepted, follow=follow, timeout_s=timeout_s)
    except EngineError as error:
        run.screen.complain(*lines(error), _accepted(run, accepted))
        return Exit.TIMED_OUT if isinstance(error, TimedOut) else Exit.UNREACHABLE  # no other code says: accepted
    except BaseException:
        run.screen.complain(_accepted(run, accepted))
        raise


def _tell(run: Run, accepted: Accepted, *, follow: bool, timeout_s: float | None) -> Exit:
    if follow:
        return asyncio.run(watch.order(run, accepted.order_id, timeout_s))
    if run.json:
        run.screen.document(document(accepted))
    else:
        run.screen.record(
            {"order": accepted.order_id, "accepted": accepted.created_at, "key": accepted.idempotency_key}
        )
        run.screen.say(f"follow it: {run.hint('watch', accepted.order_id)}")
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


def _accepted(run: Run, accepted: Accepted) -> str:
    """Say that there is an order, whatever became of telling it."""
    return f"the order was accepted all the same; follow it: {run.hint('watch', accepted.order_id)}"


def _not_placed(error: EngineError) -> list[str]:
    if isinstance(error, TooLate):
        return [
            "this order was not placed, but another one was earlier, with this key: bestfill orders lists it",
            "(--expires-in is another order each time: to repeat one with its key, give its --expires-at)",
        ]
    return ["no order was placed"]


def _again(run: Run, swap: Swap, key: str) -> list[str]:
    """Say how to be sure whether an order was accepted. Its expiry is part of it, so it must be the same moment."""
    user = [] if run.user is None else ["--user", run.user]
    words = ["submit", swap.token_in, swap.token_out, swap.amount, *swap.options(), *user, "--key", key]
    return [
        "the order may have been accepted; to be sure, repeat it with its key, which never places it twice:",
        shlex.join(["bestfill", "--url", run.url, *run.key_options(), *words]),
    ]
