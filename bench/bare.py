"""The least that an accepted order could cost over HTTP: Litestar and uvicorn, and nothing behind them."""

import os

import msgspec
import uvicorn
from litestar import Litestar, get, post


class Order(msgspec.Struct):
    userId: str  # noqa: N815
    tokenIn: str  # noqa: N815
    tokenOut: str  # noqa: N815
    amountIn: str  # noqa: N815
    minAmountOut: str  # noqa: N815
    slippageTolerance: float  # noqa: N815


@post("/api/orders/execute", status_code=202)
async def execute(data: Order) -> dict[str, str]:
    return {"orderId": data.userId, "status": "pending"}


@get("/health/live")
async def ready() -> dict[str, str]:
    return {"status": "ok"}


if __name__ == "__main__":
    app = Litestar([execute, ready], openapi_config=None, logging_config=None)
    uvicorn.run(app, port=int(os.environ["PORT"]), loop="uvloop", http="httptools", access_log=False, log_level="error")
