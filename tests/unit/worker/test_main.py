"""`python -m bestfill_worker` checks its settings before it starts anything."""

from pathlib import Path

import pytest

from bestfill_adapters import logs
from bestfill_worker.__main__ import main

URLS = {"DATABASE_URL": "postgresql://u:hunter2@h/d", "REDIS_URL": "redis://:hunter2@h"}


@pytest.fixture(autouse=True)
def _no_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda level: None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BESTFILL_CONCURENCY", "1"),
        ("BESTFILL_VENUES", "mock_nothing"),
        ("REDIS_URL", ""),
        ("REDIS_URL", "redis://:hunter2@h:port"),
        ("DATABASE_URL", ""),
    ],
)
def test_a_bad_setting_is_named_and_gives_2(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for each, text in {**URLS, name: value}.items():
        monkeypatch.setenv(each, text)
    assert main() == 2
    said = capsys.readouterr().err
    assert said.startswith("bestfill: ")
    assert name in said
    assert "hunter2" not in said


def test_a_worker_that_could_not_sign_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pools = tmp_path / "pools.json"
    pools.write_text('{"pools": [{"venue": "raydium_cpmm", "address": "11111111111111111111111111111111"}]}')
    solana = {"RPC": "https://hunter2.example", "POOLS": str(pools)}
    for name, value in {**URLS, **{f"BESTFILL_SOLANA_{name}": text for name, text in solana.items()}}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BESTFILL_VENUES", "raydium_cpmm")
    assert main() == 2
    assert capsys.readouterr().err.startswith("bestfill: BESTFILL_SOLANA_KEYPAIR: must be set")


def test_without_any_url_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    for name in URLS:
        monkeypatch.delenv(name, raising=False)
    assert main() == 2
    assert capsys.readouterr().err.startswith("bestfill: DATABASE_URL, REDIS_URL: ")
