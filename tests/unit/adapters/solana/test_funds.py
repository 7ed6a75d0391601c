"""Whether the wallet can pay is said plainly, before anything is built."""

import pytest

from bestfill.errors import ExecutionError
from bestfill_adapters.solana.account import SPL_TOKEN, Account
from bestfill_adapters.solana.frame import SYSTEM, token_accounts
from bestfill_adapters.solana.funds import holdings
from bestfill_adapters.solana.rpc.answers import Accounts
from tests.unit.adapters.solana.toys import EUR, SOL, USD, WALLET, address, plan
from tools.cluster.accounts import token_account_data

RENT = 2_039_280
OTHER = address(60)


def held(mint: str, amount: int, owner: str = WALLET, *, state: int = 1, program: str = SPL_TOKEN) -> Account:
    data = bytearray(token_account_data(mint, owner, amount, native=mint == SOL))
    data[108] = state
    return Account(program, bytes(data), RENT)


def found(sold: str, bought: str, *accounts: Account | None) -> frozenset[str]:
    """Look at the wallet, then at its accounts of what is sold and bought."""
    swap = plan(sold, bought)
    own = token_accounts(swap, WALLET)
    read = Accounts(slot=1, accounts=dict(zip((WALLET, *own), accounts, strict=True)))
    return holdings(swap, WALLET, *own, read)


def refused(*given: object) -> str:
    with pytest.raises(ExecutionError) as caught:
        found(*given)  # pyright: ignore[reportArgumentType]
    return caught.value.reason


def own(lamports: int, **changes: object) -> Account:
    return Account(**{"owner": SYSTEM, "data": b"", "lamports": lamports, **changes})


def test_those_accounts_that_exist_are_given():
    source, destination = token_accounts(plan(USD, EUR), WALLET)
    assert found(USD, EUR, own(1), held(USD, 1_500), None) == {source}
    assert found(USD, EUR, own(1), held(USD, 2**64 - 1), held(EUR, 0)) == {source, destination}
    assert found(SOL, USD, own(1_500), None, None) == frozenset()


def test_where_somebody_sent_sol_is_no_token_account_yet():
    sent = Account(SYSTEM, b"", 890_880)
    assert found(SOL, USD, own(1_500), sent, sent) == frozenset()
    assert refused(USD, SOL, own(10**9), sent, None).startswith("the wallet has 0 base units")


def test_a_wallet_that_does_not_exist_has_no_sol():
    assert refused(SOL, USD, None, None, None) == f"the wallet {WALLET} has no SOL, so it can't pay for anything"


@pytest.mark.parametrize("change", [{"owner": SPL_TOKEN}, {"owner": OTHER}, {"data": bytes(80)}])
def test_an_account_of_a_program_is_no_wallet(change: dict[str, object]):
    assert "is a program's account" in refused(SOL, USD, own(10**9, **change), None, None)


def test_too_little_is_told_with_both_amounts():
    text = "the wallet has {} base units of {}, and the order takes 1500"
    assert refused(SOL, USD, own(1_499), None, None) == text.format(1_499, SOL)
    assert refused(USD, SOL, own(10**9), held(USD, 1_499), None) == text.format(1_499, USD)
    assert refused(USD, SOL, own(10**9), None, None) == text.format(0, USD)


def test_wrapped_sol_pays_for_nothing_as_the_swap_wraps_its_own():
    assert "has 1499 base units" in refused(SOL, USD, own(1_499), held(SOL, 10**9), None)


@pytest.mark.parametrize("place", [0, 1], ids=["source", "destination"])
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"owner": OTHER}, "is another's"),
        ({"mint": OTHER}, "is another's"),
        ({"state": 2}, "is frozen"),
        ({"state": 0}, "is frozen"),
        ({"program": OTHER}, "is no token account: an account belongs to another program"),
    ],
)
def test_an_account_that_is_not_the_wallet_s_own_to_use_is_refused(place: int, changed: dict, reason: str):
    mints = (USD, EUR)
    accounts = [held(mint, 2_000) for mint in mints]
    accounts[place] = held(**{"mint": mints[place], "amount": 2_000, **changed})
    assert f"the wallet's account of {mints[place]} {reason}" in refused(USD, EUR, own(1), *accounts)


@pytest.mark.parametrize("size", [0, 82, 164, 166, 355])
def test_an_account_of_another_length_is_refused(size: int):
    data = held(USD, 2_000).data.ljust(400, b"\0")[:size]
    assert "the wallet's account of" in refused(USD, EUR, own(1), Account(SPL_TOKEN, data, RENT), None)
