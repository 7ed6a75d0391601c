"""The tokens that orders may name."""

from litestar import get
from litestar.handlers import HTTPRouteHandler

from bestfill.tokens import TokenList
from bestfill_api import openapi
from bestfill_api.dto import TokenView, TokenViews
from bestfill_api.edge.guard import READ
from bestfill_api.wire import Json


def token_routes(tokens: TokenList) -> list[HTTPRouteHandler]:
    """Make the handler."""

    @get("/api/tokens", opt=READ, responses=openapi.problems())
    async def list_tokens() -> Json[TokenViews]:
        """Give the tokens that orders may name by symbol or by mint, with their decimals."""
        shown = [TokenView(symbol=token.symbol, mint=token.mint, decimals=token.decimals) for token in tokens]
        return Json(TokenViews(tokens=shown))

    return [list_tokens]
