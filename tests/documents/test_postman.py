"""The Postman collection is what the API does: it is made from it, and newman runs it against the real engine."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from tests.documents.installed import needed
from tests.embedded import started
from tools.documents import postman
from tools.documents.__main__ import FOLDER
from tools.documents.newman import NEWMAN, node
from tools.documents.recording import Unforeseen

COLLECTION = FOLDER / "bestfill.postman_collection.json"
LONGEST_S = 90


def requests(collection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (item for folder in collection["item"] for item in folder["item"])


def test_each_request_has_a_name_of_its_own_a_test_and_a_saved_answer() -> None:
    shown = list(requests(json.loads(COLLECTION.read_text())))
    names = [item["name"] for item in shown]
    assert len(names) == len(set(names)), "a poll that sends itself again would go to another of that name"
    for item in shown:
        assert "pm.test(" in "\n".join(item["event"][-1]["script"]["exec"]), item["name"]
        assert item["response"], item["name"]


def test_a_saved_poll_shows_the_order_on_its_way() -> None:
    polled = next(item for item in requests(json.loads(COLLECTION.read_text())) if item["name"].startswith("Poll it"))
    assert [saved["name"] for saved in polled["response"]] == ["routing", "submitted", "confirmed"]


def test_a_call_of_the_api_that_the_collection_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postman, "folders", lambda: [postman.figures.quotes()])
    with pytest.raises(ExceptionGroup) as caught:
        postman.collection()
    assert caught.group_contains(postman.Forgotten, match="cancelOrder, executeOrder")


@pytest.mark.parametrize(
    "change", [{"status": 202}, {"code": "CONFLICT"}, {"wrong": "amountIn"}], ids=lambda change: next(iter(change))
)
def test_an_answer_that_is_not_the_one_told_of_is_an_error(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    all_folders = postman.folders()
    refusals = next(folder for folder in all_folders if folder.name == "Error cases")
    changed = evolve(refusals, calls=[evolve(refusals.calls[0], **change)])
    monkeypatch.setattr(postman, "folders", lambda: [changed, *all_folders])
    with pytest.raises(ExceptionGroup) as caught:
        postman.collection()
    assert caught.group_contains(Unforeseen, match="A mint that is not base58")


async def test_newman_finds_all_of_it_true_of_the_real_engine(tmp_path: Path) -> None:
    newman, found = needed(NEWMAN), node()
    assert found, "Node.js is neither on PATH nor in the environment"
    report = tmp_path / "report.json"
    quick = {"BESTFILL_MOCK_QUOTE_MS": "20-60", "BESTFILL_MOCK_CONFIRM_MS": "20-60"}
    async with started(tmp_path, **quick) as engine:
        run = await asyncio.create_subprocess_exec(
            found, str(newman), "run", str(COLLECTION), "--env-var", f"baseUrl={engine.url}", "--color", "off",
            "--timeout-request", "10000", "--reporters", "json", "--reporter-json-export", str(report),
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(run.communicate(), LONGEST_S)
        finally:
            if run.returncode is None:
                run.kill()
    assert report.exists(), said.decode()
    told = json.loads(report.read_text())["run"]
    failed = [f"{failure['source']['name']}: {failure['error']['message']}" for failure in told["failures"]]
    assert (failed, run.returncode) == ([], 0), said.decode()
    sent = {execution["item"]["name"] for execution in told["executions"]}
    assert sent == set(postman.names(json.loads(COLLECTION.read_text())))
    assert all(execution["assertions"] for execution in told["executions"] if "Poll" not in execution["item"]["name"])
