"""The folders that place no orders: quotes, figures of the engine, and the operators' calls."""

from typing import Final

from tools.documents.call import JSON_HEADERS, Call, Folder
from tools.documents.orders import COUNTS, NEVER, ORDER

_SWAP: Final = {name: value for name, value in ORDER.items() if name != "userId"}


def quotes() -> Folder:
    """What an order would be offered."""
    nothing = {
        "nothing is chosen, and it says why": 'pm.expect(answer).to.include({chosen: null, code: "ROUTING_ERROR"});'
    }
    calls = [
        Call(
            name="Ask for quotes",
            operation="previewOrder",
            headers=JSON_HEADERS,
            body=_SWAP,
            tests={
                "the chosen one pays the most": "const paid = answer.quotes.map(quote => Number(quote.amountOut));\n"
                "    pm.expect(Number(answer.amountOut)).to.eql(Math.max(...paid));",
                "the bound is kept": "pm.expect(Number(answer.minOut)).to.be.within(140, Number(answer.amountOut));",
            },
        ),
        Call(
            name="No venue pays the minimum",
            operation="previewOrder",
            headers=JSON_HEADERS,
            body=_SWAP | {"minAmountOut": NEVER},
            tests=nothing,
        ),
        Call(
            name="No pool holds so much",
            operation="previewOrder",
            headers=JSON_HEADERS,
            body={"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "100000"},
            tests=nothing,
        ),
        Call(
            name="What an order may not ask, a preview may not",
            operation="previewOrder",
            headers=JSON_HEADERS,
            body=_SWAP | {"amountIn": 1.5},
            status=400,
            code="VALIDATION_ERROR",
            wrong="amountIn",
        ),
    ]
    return Folder("Quotes", "What an order would be offered now. Nothing is stored.", calls)


def stats() -> Folder:
    """How the engine is."""
    well = {"it is well": 'pm.expect(answer.status).to.eql("ok");'}
    calls = [
        Call(name="The queue", operation="queueStats", tests=COUNTS),
        Call(name="The WebSockets", operation="socketStats", tests=COUNTS),
        Call(
            name="The last minutes",
            operation="recentActivity",
            tests={
                "each venue was asked at least as often as it won": "answer.venues.forEach(venue => "
                "pm.expect(venue.asked).to.be.at.least(venue.won));"
            },
        ),
        Call(
            name="The tokens",
            operation="listTokens",
            tests={"SOL is one": 'pm.expect(answer.tokens.map(token => token.symbol)).to.include("SOL");'},
        ),
        Call(name="Health: alive", operation="live", tests=well),
        Call(name="Health: ready", operation="ready", tests=well),
        Call(name="Health", operation="health", tests=well),
        Call(
            name="Metrics",
            operation="prometheusMetrics",
            about="In Prometheus' text format; the answer that is saved has some of them.",
            tests={"orders are counted": 'pm.expect(pm.response.text()).to.include("bestfill_orders_accepted_total");'},
        ),
    ]
    return Folder("Stats and health", "How much is under way, and whether all is well.", calls)


def operators() -> Folder:
    """What an operator does."""
    on = {"it signs": "pm.expect(answer).to.eql({halted: false, reason: null, by: null, since: null});"}
    halted = {"the rule is the halt": 'pm.expect(answer.rule).to.eql("halt");'}
    reason = "prices look wrong"
    calls = [
        Call(
            name="Halt it",
            operation="haltEngine",
            headers=JSON_HEADERS,
            body={"reason": reason},
            tests={"it says why": f'pm.expect(answer).to.include({{halted: true, reason: "{reason}"}});'},
        ),
        Call(
            name="Look whether it is halted",
            operation="showHalt",
            tests={"it is": "pm.expect(answer.halted).to.eql(true);"},
        ),
        Call(
            name="Poll until no preview is given",
            operation="previewOrder",
            about="Each API hears of a halt within a second. Sent again by itself in a run.",
            headers=JSON_HEADERS,
            body=_SWAP,
            status=403,
            code="POLICY_DENIED",
            until=True,
            tests=halted,
        ),
        Call(
            name="Submit an order while it is halted",
            operation="executeOrder",
            headers=JSON_HEADERS,
            body=ORDER,
            status=403,
            code="POLICY_DENIED",
            tests=halted,
        ),
        Call(
            name="The queue while it is halted",
            operation="queueStats",
            tests={"it says so": "pm.expect(answer.halted).to.eql(true);"},
        ),
        Call(
            name="Halt it without a reason",
            operation="haltEngine",
            headers=JSON_HEADERS,
            body={},
            status=400,
            code="VALIDATION_ERROR",
            wrong="reason",
        ),
        Call(name="Resume it", operation="resumeEngine", tests=on),
        Call(
            name="Poll until previews are given again",
            operation="previewOrder",
            headers=JSON_HEADERS,
            body=_SWAP,
            until=True,
        ),
    ]
    about = (
        "Whether the engine signs: while it is halted, no order is placed. A credential needs the scope admin.\n\n"
        "**Running this folder halts the engine** for some seconds, for everybody, and resumes it at its end. Stopped "
        "midway, it stays halted: send `Resume it`."
    )
    return Folder("Operators", about, calls)
