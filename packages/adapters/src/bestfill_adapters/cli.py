"""The command `bestfill`."""

import argparse
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from bestfill.errors import StoreError
from bestfill.units import Millis, iso
from bestfill_adapters.settings import SettingsError, load
from bestfill_adapters.verify import Verdict, open_source, verify

_ABOUT_VERIFY = """\
Read every order of the store that the environment's settings name, and say of each whose story is not whole and
unchanged what is wrong with it. Nothing is written, and the system may be running meanwhile.

At the end comes a digest of all stories. Keep it where nobody who can write to the database can change it, and later
have it compared: that finds even a story that was rewritten from end to end, or taken out with all that belongs to it.
Orders accepted before a time that is over don't change any more once they have ended, so that their digest stays.

Exit code: 0 all is whole, 1 something is not, 2 nothing can be said of the whole: the store can't be read, or the
command is wrong."""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Do what the command line says; give the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a user's id may be in any script
    asked = _parser().parse_args(arguments)
    try:
        return _verify(asked.before, asked.expect, environ)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _cut_off()
    except OSError as error:
        _complain(f"ended before all was looked at: {error.strerror or type(error).__name__}")
        return _cut_off()
    except Exception as error:  # noqa: BLE001 - Python would end with 1, which says that something is not whole
        return _complain(f"ended before all was looked at, by an unforeseen {type(error).__name__}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bestfill", description="Look after a bestfill engine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "verify",
        help="say whether every order's story is whole and unchanged",
        description=_ABOUT_VERIFY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "--before",
        metavar="TIME",
        type=_moment,
        help="have in the digest only orders accepted before this ISO 8601 date or time (UTC unless it says otherwise)",
    )
    check.add_argument("--expect", metavar="DIGEST", type=_hash, help="the digest that must come out")
    return parser


def _verify(before: Millis | None, expected: str | None, environ: Mapping[str, str]) -> int:
    try:
        source = open_source(load(environ))
        try:
            found = verify(source, lambda fault: _say(str(fault)), before)
        finally:
            source.close()
    except SettingsError as error:
        return _complain(str(error))
    except StoreError as error:
        return _complain(error.reason)
    read = f"{found.orders:,} orders, {found.events:,} events"
    if found.faults:
        _say(f"BROKEN: {read}; faults: {found.faults:,}")
        return 1
    _say(f"whole: {read}")
    _say(f"digest: {found.digest} of {_digested(found, before)}")
    if expected not in {None, found.digest}:
        _say("NOT as expected: since that digest was taken, stories were rewritten, taken out or put in")
        return 1
    return 0


def _digested(found: Verdict, before: Millis | None) -> str:
    which = f"{found.digested:,} orders" + ("" if before is None else f" accepted before {iso(before)}")
    return which + (f", {found.unfinished:,} of them not ended, so it will change" if found.unfinished else "")


def _moment(text: str) -> Millis:
    try:
        moment = datetime.fromisoformat(text)
        return Millis(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"must be a date or time such as 2026-11-22, not {text!r}") from None


def _hash(text: str) -> str:
    if re.fullmatch("[0-9a-f]{64}", text) is None:
        raise argparse.ArgumentTypeError("must be 64 hexadecimal digits, as verify gives them")
    return text


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(message: str) -> int:
    with suppress(OSError):
        sys.stderr.write(f"bestfill: {message}\n")
    return 2


def _cut_off() -> int:
    """Write no more: nobody reads, and neither must the interpreter try to flush at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 2


if __name__ == "__main__":
    sys.exit(main())
