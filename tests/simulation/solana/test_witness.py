"""The judge believes the chain alone, and finds what is wrong between it and the orders."""

from collections.abc import Sequence

import pytest
from attrs import evolve

from bestfill.order import Status
from bestfill.quote import Fill
from bestfill.testing.invariants import Evidence, Stored, violations
from bestfill.units import BaseUnits
from bestfill_adapters.solana import network
from tools.sim.solana import witness
from tools.sim.solana.world import World


@pytest.fixture(scope="module")
def world() -> World:
    """Give a world in which some orders have been confirmed, at rest."""
    world = World(5, 6, 2)
    assert not world.run().violations
    return world


def confirmed(evidence: Evidence) -> list[Stored]:
    found = [one for one in evidence.orders if one.order.status is Status.CONFIRMED]
    assert len(found) > 1
    return found


def rules(found: Sequence[object]) -> set[str]:
    return {str(violation).partition(":")[0] for violation in found}


def test_what_landed_is_read_from_the_memo_and_the_balances(world: World):
    evidence = world.witness.evidence()
    landed = {landing.order_id: landing for landing in evidence.landings}
    assert set(landed) == {one.order.id for one in confirmed(evidence)}
    for order in (one.order for one in confirmed(evidence)):
        told = landed[order.id]
        assert (told.signature, told.amount_in, told.amount_out) == (order.tx_hash, order.amount_in, order.amount_out)


def test_a_landing_that_is_another_orders_than_its_memo_says_is_found(world: World):
    evidence = world.witness.evidence()
    one, other = confirmed(evidence)[:2]
    swapped = evolve(evidence, orders=[evolve(one, attempts=other.attempts), evolve(other, attempts=one.attempts)])
    assert "memo" in rules(list(world.witness.violations(swapped)))


def test_a_base_unit_that_no_order_accounts_for_is_found(world: World, monkeypatch):
    before = witness.Witness._tokens
    monkeypatch.setattr(
        witness.Witness, "_tokens", lambda self, owner, mint: before(self, owner, mint) + (owner == self.wallet)
    )
    assert rules(violations(world.witness.evidence())) == {"balances"}
    monkeypatch.undo()
    assert not violations(world.witness.evidence())


@pytest.mark.parametrize("side", ["amount_in", "amount_out"])
def test_a_fill_that_is_read_wrong_by_one_base_unit_is_found(side: str, monkeypatch):
    right = network.fill_of

    def wrong(*args: object) -> Fill:
        fill = right(*args)
        return evolve(fill, **{side: BaseUnits(getattr(fill, side) + 1)})

    monkeypatch.setattr(network, "fill_of", wrong)
    outcome = World(7, 3, 1).run()
    assert outcome.figures["landed"], "or there is no fill to misread"
    found = rules(outcome.violations)
    # What is more than the order's amount the engine does not believe: it asks a person, and the order never ends.
    assert found == {"swap", "balances", *(["end"] if side == "amount_in" else [])}
