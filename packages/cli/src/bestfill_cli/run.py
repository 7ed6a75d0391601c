"""What every command has in common: its shared options, where it writes, which engine it asks, and how it ends."""

import functools
import inspect
import shlex
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bestfill_cli.exits import Exit
from bestfill_cli.screen import Screen

if TYPE_CHECKING:
    from bestfill_client import AsyncBestfill, Bestfill

DEFAULT_URL: Final = "http://127.0.0.1:3000"
TRIES: Final = 3
"""How often to ask before giving up: somebody may be waiting at a terminal."""
ANSWER_S: Final = 15.0

Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help=f"The engine's address (BESTFILL_URL, else {DEFAULT_URL}).")
]
User = Annotated[
    str | None, typer.Option("--user", metavar="USER", help="Whose orders (BESTFILL_USER, else the login name).")
]
KeyFile = Annotated[
    str | None,
    typer.Option(
        "--key-file",
        metavar="PATH",
        help="The file that holds your key (else BESTFILL_KEY has it).",
    ),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Send the key over plain http to another machine: others may read it.")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON: one document, or one object a line for a stream.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an unforeseen error came from.")]

_SHARED: Final[dict[str, tuple[Any, Any]]] = {
    "user": (User, None),
    "url": (Url, None),
    "key_file": (KeyFile, None),
    "insecure": (Insecure, False),
    "json": (Json, False),
    "debug": (Debug, False),
}


class Run:
    """One run of a command. An option after the subcommand wins over the same one before it."""

    def __init__(self) -> None:
        self.screen = Screen()
        self.json = self.debug = False
        self.abandoned = False
        """Whether some work may hang for ever, as in looking up a name: the process must not wait for it."""
        self.url = DEFAULT_URL
        self.url_given = False
        """Whether this call itself names the engine, and not its environment."""
        self.key_file: str | None = None
        self.insecure = False
        self.user_given: str | None = None

    @functools.cached_property
    def key(self) -> str | None:
        """Who asks, if the engine wants to know; a secret. A file may be one that can be read once.

        Raises:
            EngineError: the file can't be read, or holds no key.
        """
        from bestfill_cli.credential import find

        return find(self.key_file)

    @property
    def user(self) -> str | None:
        """Whose orders: as given; else None with a key, which is somebody's; else the login name, else "trader".

        Raises:
            EngineError: as `key` does.
        """
        if self.user_given or self.key is not None:
            return self.user_given
        import getpass

        try:
            return getpass.getuser() or "trader"
        except (KeyError, OSError, ImportError):  # no name for this user id, as in many containers
            return "trader"

    def hint(self, *words: str) -> str:
        """Give a command that asks the same engine, to be copied."""
        url = [] if self.url == DEFAULT_URL else ["--url", self.url]
        return shlex.join(["bestfill", *words, *url, *self.key_options()])

    def key_options(self) -> list[str]:
        """Give the options by which another call has the same key."""
        file = [] if self.key_file is None else ["--key-file", self.key_file]
        return file + (["--insecure"] if self.insecure else [])

    def _options(self) -> dict[str, Any]:
        from bestfill_client import Patience

        patience = Patience(tries=TRIES, total_s=2 * ANSWER_S)
        return {"key": self.key, "insecure": self.insecure, "timeout_s": ANSWER_S, "patience": patience}

    def engine(self) -> "Bestfill":
        """Give a client of the engine, to be closed by its context.

        Raises:
            EngineError: the address is none.
        """
        from bestfill_client import Bestfill

        return Bestfill(self.url, **self._options())

    def streaming_engine(self) -> "AsyncBestfill":
        """Give one that can follow streams, with an end to how long.

        Raises:
            EngineError: the address is none.
        """
        from bestfill_client import AsyncBestfill

        return AsyncBestfill(self.url, **self._options())


def command(*shared: str) -> Callable[[Callable[..., Exit]], Callable[..., None]]:
    """Make a command of a function of a `Run`: with these shared options (user, url) besides --json and --debug.

    With url come those of the key.

    The function gives the exit code. What it raises is told in a few plain lines, and gives another.
    """
    asking = ("key_file", "insecure") if "url" in shared else ()
    names = [name for name in _SHARED if name in (*shared, *asking, "json", "debug")]

    def make(function: Callable[..., Exit]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        parameters = [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
            *(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
                for name, (annotation, default) in _SHARED.items()
                if name in names
            ),
        ]

        @functools.wraps(function)
        def invoke(*, ctx: typer.Context, **values: Any) -> None:
            run: Run = ctx.obj
            if run.url_given and "url" not in shared:
                raise typer.BadParameter("this command works on the database of the settings, and asks no engine")
            run.json, debug = values.pop("json"), values.pop("debug")
            run.debug = run.debug or debug
            run.url = values.pop("url", None) or run.url
            run.key_file = values.pop("key_file", None) or run.key_file
            run.insecure = values.pop("insecure", False) or run.insecure
            if (user := values.pop("user", None)) is not None:
                run.user_given = user
            raise typer.Exit(finished(run, functools.partial(function, run, **values)))

        del invoke.__wrapped__  # pyright: ignore[reportAttributeAccessIssue] - its signature is another
        invoke.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
        invoke.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return invoke

    return make


def finished(run: Run, work: Callable[[], Exit]) -> Exit:
    """Do a command's work to its end, whatever that is, and give the exit code."""
    from bestfill_cli.failures import tell

    try:
        return work()
    except typer.TyperException:
        raise
    except KeyboardInterrupt:
        run.screen.complain("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        run.screen.stop()
        return Exit.UNREAD
    except Exception as error:  # noqa: BLE001 - whatever it is, people get a line and no traceback
        if run.debug:
            traceback.print_exc()
        return tell(run.screen, error)
