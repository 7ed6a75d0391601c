"""From a request's body to the order that the engine takes, or to everything that is wrong with it."""

from functools import partial
from typing import Final

from bestfill.errors import ValidationError
from bestfill.order import OrderRequest
from bestfill.policy import ExecutionPolicy
from bestfill.ports import Clock
from bestfill.tokens import TokenList
from bestfill.units import Bps, Millis
from bestfill_api import fields
from bestfill_api.bodies import OrderBody
from bestfill_api.edge.owner import own_name
from bestfill_api.form import Form, Invalid, json_form

DEFAULT_SLIPPAGE_BPS: Final = 50
LONGEST_TTL_MS: Final = 24 * 60 * 60 * 1000

_KNOWN: Final = OrderBody.__struct_encode_fields__
_AMOUNT: Final = 'a JSON string such as "1.5": a JSON number may already have been rounded'


class Intake:
    """Reads orders. The slippage's upper bound is the policy's, tokens are those of the list."""

    def __init__(self, tokens: TokenList, policy: ExecutionPolicy, clock: Clock) -> None:
        self._tokens, self._clock = tokens, clock
        self._max_slippage_bps = policy.max_slippage_bps

    def order(self, body: bytes, owner: str | None = None) -> OrderRequest:
        """Read an order of the owner's, or of whom it names. Whether it has expired is the engine's to say: a replay
        may come late.

        Raises:
            Invalid: names each field that is wrong.
            Forbidden: it names another than the owner.
        """
        return self._read(body, owner, preview=False)

    def quote(self, body: bytes, owner: str | None = None) -> OrderRequest:
        """Read the same for a preview, which needs no user.

        Raises:
            Invalid: names each field that is wrong.
            Forbidden: it names another than the owner.
        """
        return self._read(body, owner, preview=True)

    def _read(self, body: bytes, owner: str | None, *, preview: bool) -> OrderRequest:
        form, now = json_form(body, _KNOWN), self._clock.now()
        named = form.text("userId", fields.user_id, required=not preview and owner is None)
        user_id = own_name(named, owner)
        token_in = form.text("tokenIn", self._tokens.resolve, required=True)
        token_out = form.text("tokenOut", self._tokens.resolve, required=True)
        if token_in is not None and token_out is not None and token_in.mint == token_out.mint:
            form.refuse("tokenOut", "must differ from tokenIn")
        amount_in = form.text("amountIn", partial(fields.positive_amount, token=token_in), required=True, kind=_AMOUNT)
        min_out = form.text("minAmountOut", partial(fields.amount, token=token_out), kind=_AMOUNT)
        slippage_bps = self._slippage(form)
        expires_at = form.text("expiresAt", partial(self._expiry, after=now if preview else None, now=now))
        if form.errors or token_in is None or token_out is None or amount_in is None:
            raise Invalid(form.errors)
        return OrderRequest(
            user_id=user_id or "",
            token_in=token_in,
            token_out=token_out,
            amount_in=amount_in,
            min_amount_out=min_out,
            slippage_bps=slippage_bps,
            expires_at=expires_at,
        )

    def _slippage(self, form: Form) -> Bps:
        most = self._max_slippage_bps
        if form.has("slippageTolerance") and form.has("slippageBps"):
            form.refuse("slippageBps", "must not be given together with slippageTolerance, which says the same")
        tolerance = form.any("slippageTolerance", partial(fields.percent, most=most))
        bps = form.any("slippageBps", partial(fields.basis_points, most=most))
        given = tolerance if tolerance is not None else bps
        return min(Bps(DEFAULT_SLIPPAGE_BPS), most) if given is None else given

    def _expiry(self, text: str, *, after: Millis | None, now: Millis) -> Millis:
        expires_at = fields.moment(text)
        if expires_at > now + LONGEST_TTL_MS:
            raise ValidationError("must be at most 24 hours ahead")
        if after is not None and expires_at <= after:
            raise ValidationError("must be in the future")
        return expires_at
