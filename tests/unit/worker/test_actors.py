"""The actor takes what anybody may have put into a message."""

from typing import Any

import pytest
from dramatiq import Worker

from bestfill.errors import ValidationError
from bestfill.testing.samples import order_id
from bestfill_adapters.container.deployed import Deployed
from bestfill_adapters.dramatiq.ids import IDS_MAX, read_ids
from bestfill_adapters.settings import Hidden, Settings
from bestfill_worker.actors import assemble
from bestfill_worker.hooks import Hooks
from bestfill_worker.loop import OrderLoop

ID = order_id(1)
BAD: list[Any] = [None, "x", ID, {}, [1], [None], [ID.upper()], [ID + "\n"], [f" {ID}"], [[ID]], [ID] * (IDS_MAX + 1)]


@pytest.mark.parametrize("value", BAD, ids=range(len(BAD)))
def test_what_is_no_list_of_ids_is_refused(value: object):
    with pytest.raises(ValidationError):
        read_ids(value)


def test_ids_are_read():
    assert read_ids([ID, order_id(2)]) == [ID, order_id(2)]
    assert read_ids([]) == []


class Loop:
    def __init__(self) -> None:
        self.taken: list[object] = []

    def hand_over(self, order_ids: object) -> None:
        self.taken.append(order_ids)


def actor(loop: object):
    container = Deployed()
    container.settings.override(Settings(redis_url=Hidden("redis://localhost")))
    return assemble(container, loop).get_actor("run_orders")  # type: ignore[arg-type]


def test_ids_are_handed_over():
    loop = Loop()
    actor(loop)([ID])
    assert loop.taken == [[ID]]


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), (([ID], [ID]), {}), (([ID],), {"x": 1}), ((BAD[4],), {})])
def test_a_message_that_makes_no_sense_is_refused_for_good(args: tuple[Any, ...], kwargs: dict[str, Any]):
    loop = Loop()
    refusing = actor(loop)
    with pytest.raises(refusing.options["throws"]):
        refusing(*args, **kwargs)
    assert loop.taken == []


def test_a_loop_that_cannot_start_ends_the_process(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    class Broken(OrderLoop):
        def __init__(self) -> None:
            pass

        def start(self) -> None:
            raise RuntimeError("a bug")

    monkeypatch.setattr("bestfill_worker.hooks._heed_the_first_signal", lambda: None)
    with pytest.raises(SystemExit) as ended:
        Hooks(Broken()).before_worker_boot(None, Worker.__new__(Worker))  # type: ignore[arg-type]
    assert ended.value.code == 1
    assert "cannot start" in caplog.text
