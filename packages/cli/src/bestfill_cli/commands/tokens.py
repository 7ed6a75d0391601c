"""`bestfill tokens`: the tokens that the engine knows by a symbol."""

from bestfill_cli.exits import Exit
from bestfill_cli.run import Run
from bestfill_cli.screen import Column
from bestfill_cli.wire import document
from bestfill_cli.words import Symbols
from bestfill_client import Bestfill, EngineError


def tokens(run: Run) -> Exit:
    """List them."""
    with run.engine() as engine:
        found = engine.tokens()
    if run.json:
        run.screen.document({"tokens": document(found)})
        return Exit.DONE
    columns = (Column("symbol"), Column("decimals", right=True), Column("mint"))
    run.screen.table(columns, [(token.symbol, str(token.decimals), token.mint) for token in found])
    return Exit.DONE


def symbols(engine: Bestfill) -> Symbols:
    """Read the engine's tokens; of one that does not tell them, the mints are shown instead."""
    try:
        return Symbols(engine.tokens())
    except EngineError:
        return Symbols()
