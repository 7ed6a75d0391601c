"""What examples/ and the client's README show works as it says."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bestfill_client import Bestfill

ROOT = Path(__file__).parents[3]
USUAL = "http://127.0.0.1:3000"
README = (ROOT / "packages/client/README.md").read_text()
NOTEBOOK: dict[str, Any] = json.loads((ROOT / "examples/trade.ipynb").read_text())


def run(*command: str, **environ: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        command, cwd=ROOT, env=kept | environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_trades_where_it_is_told(url: str) -> None:
    (snippet,) = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    by_url = run(sys.executable, "-W", "error", "examples/trade.py", url)
    for shown in (by_url, run(*shlex.split(snippet), BESTFILL_URL=url)):
        assert re.fullmatch(r"confirmed [0-9]+\.[0-9]+ [1-9A-HJ-NP-Za-km-z]{80,90}\n", shown)


def test_the_script_is_five_lines_and_trades_on_this_machine_if_it_is_not_told() -> None:
    text = (ROOT / "examples/trade.py").read_text()
    assert USUAL in text
    lines = [line for line in text[text.index("\nwith ") :].splitlines() if line]
    assert len(lines) + 1 == 5, "with its import"


def test_the_notebook_runs_from_top_to_bottom(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BESTFILL_URL", url)
    space: dict[str, Any] = {}
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), space)
    shown = capsys.readouterr().out
    assert re.search(r"^(raydium|meteora) +[0-9.]+  pays the most", shown, re.MULTILINE)
    assert [line.split()[1] for line in shown.splitlines() if re.match(r" +[1-5]  ", line)] == [
        "pending", "routing", "building", "submitted", "confirmed",
    ]  # fmt: skip
    assert space["order"].status == "confirmed"


def test_the_notebook_is_a_notebook_without_outputs() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert set(NOTEBOOK) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in NOTEBOOK["cells"]:
        assert all(isinstance(line, str) for line in cell["source"])
        kept = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert (cell["execution_count"], cell["outputs"]) == (None, [])
            kept |= {"execution_count", "outputs"}
        assert set(cell) == kept


def test_every_snippet_of_the_readme_runs(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    snippets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(snippets) == 4
    spaces = list[dict[str, Any]]()
    for snippet in snippets:
        assert USUAL in snippet
        spaces.append({})
        exec(compile(snippet.replace(USUAL, url), "README.md", "exec"), spaces[-1])
    shown = capsys.readouterr().out
    assert shown.count("confirmed") == 2
    assert spaces[0]["order"].status == "confirmed"
    with Bestfill(url, user_id="user-123") as client:
        again = client.submit("SOL", "USDC", "1.5", idempotency_key=spaces[3]["key"])
        assert again.order_id == spaces[3]["accepted"].order_id
