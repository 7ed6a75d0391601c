"""The folders that place orders and follow them to their ends."""

from collections.abc import Sequence
from typing import Any, Final

from attrs import evolve

from bestfill_api.openapi import EXAMPLE
from tools.documents.call import JSON_HEADERS, Call, Folder
from tools.documents.values import KEY, ahead

ORDER: Final[dict[str, Any]] = {**EXAMPLE, "userId": "{{userId}}"}
ID: Final = {"orderId": "{{orderId}}"}
KEEP: Final = {"orderId": "orderId"}
NEVER: Final = "1000000"
"""A minimum that no venue pays."""

COUNTS: Final = {
    "it counts": "const {halted, ...counts} = answer;\n"
    "    Object.values(counts).forEach(count => pm.expect(count).to.be.a('number').and.at.least(0));"
}

_PAIRS: Final = (
    ("SOL", "USDC", "1.5"),
    ("USDC", "SOL", "200"),
    ("SOL", "USDT", "0.25"),
    ("RAY", "USDC", "12.5"),
    ("JUP", "SOL", "75"),
)
_FIVE: Final = "five-at-once"


def submit(name: str = "Submit an order", about: str = "", keep: str = "orderId", **fields: object) -> Call:
    """Place an order that is taken, with some fields changed; None leaves one out."""
    body = {key: value for key, value in (ORDER | fields).items() if value is not None}
    return Call(
        name=name,
        operation="executeOrder",
        about=about,
        headers=JSON_HEADERS,
        body=body,
        status=202,
        keep={keep: "orderId"},
        tests={
            "it waits for a worker": 'pm.expect(answer.status).to.eql("pending");',
            "its WebSocket is named": "pm.expect(answer.wsUrl).to.eql(`/ws/${answer.orderId}`);",
        },
    )


def single() -> Folder:
    """One order from submission to confirmation."""
    calls = [
        submit(
            about="Swap 1.5 SOL for at least 140 USDC. The answer names the WebSocket at `wsUrl`; polling does too."
        ),
        Call(
            name="Poll it until it has ended",
            operation="getOrder",
            about="Sent again by itself in a run; by hand, send it until `status` is `confirmed` or `failed`.",
            parameters=ID,
            ends=True,
            tests={
                "it is confirmed": 'pm.expect(answer.status).to.eql("confirmed");',
                "it says where and as what": "pm.expect(answer.dexSelected).to.be.a('string').and.not.empty;\n"
                "    pm.expect(answer.txHash).to.be.a('string').and.not.empty;",
                "it pays the minimum": "pm.expect(Number(answer.amountOut)).to.be.at.least(140);",
            },
        ),
        Call(
            name="Its events",
            operation="orderEvents",
            about="What its WebSocket tells.",
            parameters=ID,
            tests={
                "no number is left out": "answer.events.forEach((event, i) => pm.expect(event.seq).to.eql(i + 1));",
                "they tell the story": "const steps = answer.events.map(event => event.status);\n"
                '    pm.expect(steps[0]).to.eql("pending");\n'
                '    pm.expect(steps[steps.length - 1]).to.eql("confirmed");',
            },
        ),
        Call(
            name="Its executions",
            operation="orderExecutions",
            parameters=ID,
            tests={
                "the last attempt landed": "const last = answer.executions[answer.executions.length - 1];\n"
                '    pm.expect(last.outcome).to.eql("landed");',
                "one of its quotes was chosen": "const last = answer.executions[answer.executions.length - 1];\n"
                "    pm.expect(last.quotes.filter(quote => quote.chosen)).to.have.lengthOf(1);",
            },
        ),
    ]
    return Folder("Single order flow", "Submit an order, poll it until it has ended, read its story.", calls)


def again() -> Folder:
    """What the Idempotency-Key does."""
    headers = {**JSON_HEADERS, "Idempotency-Key": "{{key}}"}
    first = submit("Submit with a key", "A new key for each order that is meant.")
    calls = [
        evolve(first, headers=headers, values={"key": KEY}),
        Call(
            name="Submit the same again",
            operation="executeOrder",
            about="As a client does that got no answer: it is told of the first order, and no other is placed.",
            headers=headers,
            body=ORDER,
            status=202,
            tests={"it is the same order": 'pm.expect(answer.orderId).to.eql(pm.variables.get("orderId"));'},
        ),
        Call(
            name="Submit another order with the same key",
            operation="executeOrder",
            headers=headers,
            body=ORDER | {"amountIn": "2"},
            status=409,
            code="CONFLICT",
        ),
    ]
    return Folder(
        "Submitting safely", "With an `Idempotency-Key`, an order can be sent again and is placed once.", calls
    )


def five() -> Folder:
    """Five orders in work at once."""
    calls = [
        *(
            submit(
                f"Order {number} of 5",
                keep=f"order{number}",
                userId=_FIVE,
                tokenIn=token_in,
                tokenOut=token_out,
                amountIn=amount,
                minAmountOut=None,
            )
            for number, (token_in, token_out, amount) in enumerate(_PAIRS, 1)
        ),
        Call(
            name="The queue while they are in work",
            operation="queueStats",
            tests=COUNTS,
        ),
        Call(
            name="Poll until all five have ended",
            operation="listOrders",
            parameters={"userId": _FIVE, "limit": "5"},
            ends=True,
            tests={
                "they are the five": "const five = [1, 2, 3, 4, 5].map(i => pm.variables.get(`order${i}`));\n"
                "    pm.expect(answer.orders.map(order => order.id)).to.have.members(five);",
                "all are confirmed": "answer.orders.forEach(order => "
                'pm.expect(order.status, order.errorReason).to.eql("confirmed"));',
            },
        ),
    ]
    return Folder("Five orders at once", "Five orders of different pairs, none waiting for another.", calls)


def doomed() -> Folder:
    """Orders that are accepted, and can't be filled."""
    kinds = (
        ("no pool holds so much", "tooLarge", "ROUTING_ERROR", {"amountIn": "100000", "minAmountOut": None}),
        ("it expires first", "expiring", "EXPIRED", {"minAmountOut": NEVER, "expiresAt": "{{expiresAt}}"}),
        ("no venue pays its minimum", "tooDear", "ROUTING_ERROR", {"minAmountOut": NEVER}),
    )
    placed: list[Call] = []
    polled: list[Call] = []
    for why, variable, code, fields in kinds:
        values = {"expiresAt": ahead(2)} if "expiresAt" in fields else {}
        placed.append(evolve(submit(f"Submit: {why}", keep=variable, **fields), values=values))
        polled.append(
            Call(
                name=f"Poll: {why}",
                operation="getOrder",
                parameters={"orderId": f"{{{{{variable}}}}}"},
                ends=True,
                tests={
                    "it failed, and says why": 'pm.expect(answer.status).to.eql("failed");\n'
                    f'    pm.expect(answer.errorCode).to.eql("{code}");\n'
                    "    pm.expect(answer.errorReason).to.be.a('string').and.not.empty;",
                    "nothing was swapped": "pm.expect(answer.amountOut).to.eql(null);",
                },
            )
        )
    tried = Call(
        name="Every attempt of the last one",
        operation="orderExecutions",
        parameters={"orderId": "{{tooDear}}"},
        tests={"there were three": "pm.expect(answer.executions).to.have.lengthOf(3);"},
    )
    return Folder("Orders that fail", "They are accepted, and end `failed`.", [*placed, *polled, tried])


def cancel() -> Folder:
    """Cancelling in time and too late."""
    about = "No venue pays this minimum, so that it waits for its next attempt and can be cancelled."
    calls = [
        submit("Submit an order that has to wait", about, minAmountOut=NEVER),
        Call(
            name="Cancel it",
            operation="cancelOrder",
            parameters=ID,
            tests={
                "it has failed as cancelled": 'pm.expect(answer.status).to.eql("failed");\n'
                '    pm.expect(answer.errorCode).to.eql("CANCELLED");'
            },
        ),
        Call(
            name="Cancel it too late",
            operation="cancelOrder",
            about="An order that is signed or has ended stays as it is.",
            parameters=ID,
            status=409,
            code="CONFLICT",
        ),
        Call(
            name="Cancel an order that is not there",
            operation="cancelOrder",
            parameters={"orderId": "00000000-0000-7000-8000-000000000000"},
            status=404,
            code="NOT_FOUND",
        ),
    ]
    return Folder("Cancel", "An order can be cancelled until it is signed.", calls)


def lists() -> Folder:
    """A user's orders, page by page."""
    page = {"userId": "pages", "limit": "2"}
    shape = {
        "it is a page": "pm.expect(answer.orders).to.have.lengthOf.within(1, 2);\n"
        "    pm.expect(answer.total).to.be.at.least(3);",
        "the newest come first": "const ids = answer.orders.map(order => order.id);\n"
        "    pm.expect(ids).to.eql([...ids].sort().reverse());",
    }
    wrong = (("limit", "0"), ("limit", "101"), ("offset", "-1"))
    calls = [
        *(submit(f"Submit order {number} of 3", keep="listed", userId="pages") for number in (1, 2, 3)),
        Call(name="The first page", operation="listOrders", parameters=page, tests=shape),
        Call(name="The second page", operation="listOrders", parameters=page | {"offset": "2"}, tests=shape),
        Call(
            name="A user without orders",
            operation="listOrders",
            parameters={"userId": "nobody"},
            tests={"it is empty": "pm.expect(answer).to.include({total: 0, limit: 10, offset: 0});"},
        ),
        Call(name="Without a user", operation="listOrders", status=400, code="VALIDATION_ERROR", wrong="userId"),
        *(
            Call(
                name=f"With a {name} of {value}",
                operation="listOrders",
                parameters={"userId": "pages", name: value},
                status=400,
                code="VALIDATION_ERROR",
                wrong=name,
            )
            for name, value in wrong
        ),
    ]
    return Folder("Lists and paging", "A user's orders, newest first, at most 100 at once.", calls)


def folders() -> Sequence[Folder]:
    """Give them in the order in which they are shown."""
    return [single(), again(), five(), doomed(), cancel(), lists()]
