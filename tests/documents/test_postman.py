"""The Postman collection is what the API does: it is made from it, and newman runs it against the real engine."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import evolve

from bestfill_adapters.sql.control.sqlite import SqliteControl
from bestfill_adapters.sql.file import DATABASE
from bestfill_adapters.sql.sqlite import SqliteFile
from tests.documents.installed import needed
from tests.embedded import started
from tools.documents import postman
from tools.documents.__main__ import FOLDER
from tools.documents.house import trade_key
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


def test_every_way_to_be_kept_out_has_a_saved_answer() -> None:
    saved = [json.loads(answer["body"]) for answer in answers() if answer["code"] >= 400]
    kept_out = {(problem["status"], problem["code"], problem.get("rule")) for problem in saved}
    assert kept_out >= {
        (401, "UNAUTHORIZED", None),
        (403, "FORBIDDEN", None),
        (403, "POLICY_DENIED", "halt"),
        (421, "MISDIRECTED_REQUEST", None),
        (429, "RATE_LIMITED", None),
    }
    (limited,) = [answer for answer in answers() if answer["code"] == 429]
    assert "Retry-After" in {header["key"] for header in limited["header"]}


def test_there_is_no_credential_in_it() -> None:
    text = COLLECTION.read_text()
    assert not re.search(r"bf_[0-9a-z]", text)
    variables = {variable["key"]: variable["value"] for variable in json.loads(text)["variable"]}
    assert (variables["credential"], variables["tradeKey"]) == ("", "")


def test_who_runs_it_is_warned_that_it_halts_the_engine_and_it_ends_resumed() -> None:
    collection = json.loads(COLLECTION.read_text())
    folder = next(folder for folder in collection["item"] if folder["name"] == "Operators")
    for about in (collection["info"]["description"], folder["description"]):
        assert "halts the engine" in about and "stays halted" in about
    *_, resume, poll = folder["item"]
    assert resume["request"]["url"]["raw"].endswith("/api/admin/resume") and poll["response"][0]["code"] == 200


def answers() -> Iterator[dict[str, Any]]:
    return (answer for item in requests(json.loads(COLLECTION.read_text())) for answer in item["response"])


async def test_newman_finds_all_of_it_true_of_the_real_engine(tmp_path: Path) -> None:
    quick = {"BESTFILL_MOCK_QUOTE_MS": "20-60", "BESTFILL_MOCK_CONFIRM_MS": "20-60"}
    data = tmp_path / "guarded"
    guarded = {"BESTFILL_DATA_DIR": str(data), "BESTFILL_AUTH": "keys", "BESTFILL_LIMIT_ORDERS": "5/60"}
    async with started(tmp_path, **quick) as engine, started(tmp_path, **guarded) as other:
        text = await trade_key(SqliteControl(SqliteFile(data / DATABASE)), postman.USER_ID)
        told = await newman_run(tmp_path, baseUrl=engine.url, guardedUrl=other.url, tradeKey=text)
        halted = await asyncio.to_thread(httpx.get, f"{engine.url}/api/admin/halt")
    assert halted.json()["halted"] is False
    sent = {execution["item"]["name"] for execution in told["executions"]}
    assert sent == set(postman.names(json.loads(COLLECTION.read_text())))
    assert all(execution["assertions"] for execution in told["executions"] if "Poll" not in execution["item"]["name"])


async def test_newman_sends_nothing_of_a_folder_whose_engine_is_not_there(tmp_path: Path) -> None:
    told = await newman_run(tmp_path, "--folder", "Access errors")
    assert [execution for execution in told["executions"] if "response" in execution] == []


async def newman_run(folder: Path, *options: str, **variables: str) -> dict[str, Any]:
    """Run the collection, of which nothing must fail, and give newman's report."""
    newman, found, report = needed(NEWMAN), node(), folder / "report.json"
    assert found, "Node.js is neither on PATH nor in the environment"
    given = [word for name, value in variables.items() for word in ("--env-var", f"{name}={value}")]
    run = await asyncio.create_subprocess_exec(
        found, str(newman), "run", str(COLLECTION), *options, *given, "--color", "off",
        "--timeout-request", "10000", "--reporters", "json", "--reporter-json-export", str(report),
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
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
    return told
