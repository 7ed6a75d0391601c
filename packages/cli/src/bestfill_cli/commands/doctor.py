"""`bestfill doctor`: what is configured, reachable and wrong, and how to mend it."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Final

from bestfill_adapters.settings import Settings, SettingsError, differing, load
from bestfill_cli.doctor.check import Check, State, any_wrong, ok, wrong
from bestfill_cli.doctor.examine import Look, examine
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run
from bestfill_cli.screen import Column, Marked

WITHIN_S: Final = 12.0
"""How long all looks together may take."""
_STYLES: Final = {State.OK: "good", State.WARN: "odd", State.WRONG: "bad"}
_TABLE: Final = (Column("state"), Column("what"), Column("detail", wraps=True), Column("to mend it", wraps=True))


def doctor(run: Run) -> Exit:
    """Look at everything that the settings name, side by side, and show a table of what was found."""
    settings, checks = _settings(os.environ)
    with run.screen.waiting("looking"):
        examined = examine(_looks(run, settings), WITHIN_S)
    run.abandoned = examined.abandoned
    checks += examined.checks
    if run.json:
        told = [{"what": c.what, "state": c.state.value, "detail": c.detail, "mend": c.mend} for c in checks]
        run.screen.document({"ok": not any_wrong(checks), "checks": told})
    else:
        rows = [(Marked(c.state.value, _STYLES[c.state]), c.what, c.detail, c.mend or None) for c in checks]
        run.screen.table(_TABLE, rows)
    return Exit.FAILED if any_wrong(checks) else Exit.DONE


def _settings(environ: Mapping[str, str]) -> tuple[Settings | None, list[Check]]:
    try:
        settings = load(environ)
    except SettingsError as error:
        mend = "mend it where it is set; .env.example explains each"
        return None, [wrong("settings", problem, mend) for problem in error.problems]
    mode = "deployed mode" if settings.database_url is not None else "embedded mode"
    chain = "on Solana" if settings.solana is not None else "on the mock chain"
    set_ = ", ".join(f"{name}={text}" for name, text in differing(environ).items())
    return settings, [ok("settings", f"{mode} {chain}; {set_ or 'all as by default'}")]


def _looks(run: Run, settings: Settings | None) -> dict[str, Look]:
    """Give what is to be looked at, by what to call it if no answer comes."""
    looks: dict[str, Look] = {
        "engine": partial(_look, "engine", run.url, settings, run.key, run.insecure),
        "access": partial(_look, "access", run.url, run.key, run.insecure),
    }
    if settings is None:
        return looks
    if settings.database_url is not None:
        stores = {
            "PostgreSQL": partial(_look, "postgres", settings.database_url),
            "Redis": partial(_look, "redis", settings.redis_url),
        }
    else:
        stores = {"database": partial(_look, "store", settings)}
    return {**stores, "venues": partial(_look, "venues", settings, os.environ), **looks}


def _look(module: str, *arguments: object) -> Sequence[Check]:
    """Take a look; what it needs is imported in its own thread."""
    return import_module(f"bestfill_cli.doctor.{module}").look(*arguments)
