"""The rules for amounts that every program's pools share."""

from bestfill.units import BPS, U64_MAX
from bestfill_adapters.solana.account import Account, Refused, token_amount


def ceil_div(numerator: int, denominator: int) -> int:
    """Divide and round up; `denominator` must not be 0."""
    return -(-numerator // denominator)


def part_bps(part: int, whole: int) -> int:
    """Say how much of the whole a part is, rounded up to basis points; nothing is no part of nothing."""
    return ceil_div(part * BPS, whole) if whole else 0


def vault_balance(vault: Account, mint: str, authority: str) -> int:
    """Give what a pool's vault holds.

    Raises:
        Refused: it is no token account, of another mint, not the pool's (`wrong_vault`), or frozen (`vault_frozen`).
    """
    amount = token_amount(vault, mint)
    if vault.address(32) != authority:
        raise Refused("wrong_vault", "a vault of the pool belongs to somebody else")
    if vault.unsigned(108, 1) != 1:
        raise Refused("vault_frozen", "a vault of the pool is frozen")
    return amount


def check_input(amount_in: int, balance: int) -> None:
    """See that a vault that holds `balance` can take `amount_in`.

    Raises:
        Refused: there is nothing to take (`no_input`), or more than a token account can hold (`vault_overflow`).
    """
    if amount_in < 1:
        raise Refused("no_input", "there is nothing to swap")
    # The program's own check is not relied on: an addition that wraps would show in no error.
    if balance + amount_in > U64_MAX:
        raise Refused("vault_overflow", "the pool's vault cannot hold so much more")


def check_output(amount_out: int, balance: int) -> None:
    """See that a vault that holds `balance` can pay `amount_out`.

    Raises:
        Refused: nothing comes out (`no_output`), more than an amount can be (`output_overflow`), or more than the vault
            holds (`vault_short`).
    """
    if amount_out < 1:
        raise Refused("no_output", "so little buys nothing")
    if amount_out > U64_MAX:
        raise Refused("output_overflow", "the swap would pay more than an amount can be")
    if amount_out > balance:
        raise Refused("vault_short", "the pool's vault holds less than the swap would pay")
