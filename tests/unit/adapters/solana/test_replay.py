"""The command that replays recorded swaps."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bestfill_adapters.solana.replay import VENUES, main
from tests.unit.adapters.solana.recorded import DATA

RECORDED = {
    "raydium_cpmm": (129, 40),
    "raydium_clmm": (183, 57),
    "meteora_dlmm": (202, 88),
    "meteora_damm_v2": (197, 14),
}


@pytest.fixture
def recorded() -> dict[str, Any]:
    """Give a recording as JSON, to bend."""
    return json.loads((DATA / "raydium_cpmm.json").read_bytes())


def replay(path: Path, recorded: object) -> int:
    path.write_text(recorded if isinstance(recorded, str) else json.dumps(recorded))
    return main([str(path)])


@pytest.mark.parametrize("venue", VENUES)
def test_every_recorded_swap_comes_out_as_the_program_had_it(venue: str, capsys: pytest.CaptureFixture[str]):
    exact, refused = RECORDED[venue]
    assert main([str(DATA / f"{venue}.json")]) == 0
    assert capsys.readouterr().out == (f"{exact} exact, 0 differ, {refused} refused as recorded, 0 wrongly quoted\n")


def test_it_needs_no_library_of_solana_and_no_network():
    code = (
        "import sys; from bestfill_adapters.solana.replay import main, VENUES;"
        f"ends = [main([{str(DATA)!r} + '/' + venue + '.json']) for venue in VENUES];"
        "print(ends, sorted({'solders', 'httpx', 'asyncio', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0] []"


def test_it_runs_as_a_module():
    for arguments, end in (([str(DATA / "raydium_cpmm.json")], 0), ([], 2)):
        command = [sys.executable, "-m", "bestfill_adapters.solana.replay", *arguments]
        assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == end


def test_what_comes_out_otherwise_is_told(tmp_path: Path, recorded: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    paid = [case for case in recorded["cases"] if case["pool"] == "std_25bps_9_6" and "amount_out" in case]
    failed = [case for case in recorded["cases"] if "error" in case]
    more = {**paid[0], "amount_out": paid[0]["amount_out"] + 1}
    refusable = {**failed[0], "amount_out": 5}
    del refusable["error"]
    quotable = {**paid[1], "error": "NotApproved"}
    del quotable["amount_out"]
    recorded["cases"] = [paid[0], more, refusable, quotable, failed[0]]
    assert replay(tmp_path / "bent.json", recorded) == 1
    where = "std_25bps_9_6 forward"
    assert capsys.readouterr().out.splitlines() == [
        f"differ: {where} {paid[0]['amount_in']}: expected {more['amount_out']}, got {paid[0]['amount_out']}",
        f"differ: {where} {failed[0]['amount_in']}: expected 5, got no_output: so little buys nothing",
        f"wrongly quoted: {where} {paid[1]['amount_in']}: expected NotApproved, got {paid[1]['amount_out']}",
        "1 exact, 2 differ, 1 refused as recorded, 1 wrongly quoted",
    ]


@pytest.mark.parametrize("wrongly", ["differ", "wrongly quoted"])
def test_either_kind_of_mistake_alone_is_a_failure(tmp_path: Path, recorded: dict[str, Any], wrongly: str):
    (case, *_) = [case for case in recorded["cases"] if "amount_out" in case]
    out = case.pop("amount_out")
    recorded["cases"] = [{**case, "amount_out": out + 1} if wrongly == "differ" else {**case, "error": "NotApproved"}]
    assert replay(tmp_path / "bent.json", recorded) == 1


@pytest.mark.parametrize("wrong", [{"fee": 1}, {"fee_on": "in"}])
def test_a_recorded_fee_is_compared_too(tmp_path: Path, wrong: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    recorded = json.loads((DATA / "meteora_damm_v2.json").read_bytes())
    case = max((case for case in recorded["cases"] if case.get("fee_on") == "out"), key=lambda case: case["amount_out"])
    recorded["cases"] = [{**case, **wrong}]
    assert replay(tmp_path / "bent.json", recorded) == 1
    assert f"got {case['amount_out']} (fee {case['fee']} of the output)" in capsys.readouterr().out


def test_a_case_may_have_a_time_of_its_own(tmp_path: Path, recorded: dict[str, Any]):
    (case, *_) = [case for case in recorded["cases"] if "amount_out" in case]
    out = case.pop("amount_out")
    recorded["cases"] = [{**case, "amount_out": out}, {**case, "now": 5, "error": "NotApproved"}]
    assert replay(tmp_path / "times.json", recorded) == 0


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((), [], "the file is not an object"),
        ((), '{"format": 1', "is not JSON"),
        ((), "[" * 100_000, "is not JSON"),
        (("format",), 2, "another format"),
        (("format",), True, '"format" of the file is not a whole number'),
        (("venue",), "orca", "another venue than raydium_cpmm"),
        (("venue",), None, '"venue" of the file is not a text'),
        (("accounts",), [], '"accounts" of the file is not an object'),
        (("accounts", "A"), {"owner": "B", "data": "?"}, "the data of account A is not base64"),
        (("accounts", "A"), {"owner": 3, "data": ""}, '"owner" of account A is not a text'),
        (("accounts", "A"), {"owner": "B"}, '"data" of account A is not a text'),
        (("pools", "std_25bps_9_6"), 5, "pool std_25bps_9_6 is not an object"),
        (("pools", "std_25bps_9_6", "pool"), "gone", "the account of pool std_25bps_9_6 is missing"),
        (("pools", "std_25bps_9_6", "now"), 1.5, '"now" of pool std_25bps_9_6 is not a whole number'),
        (("cases",), {}, 'the file has no list "cases"'),
        (("cases", 0), 7, "case 1 is not an object"),
        (("cases", 0, "pool"), "other", "the pool of case 1 is missing"),
        (("cases", 0, "forward"), 1, '"forward" of case 1 is neither true nor false'),
        (("cases", 0, "amount_in"), -1, '"amount_in" of case 1 is not a whole number'),
        (("cases", 0, "amount_in"), True, '"amount_in" of case 1 is not a whole number'),
        (("cases", 0, "amount_in"), 1e3, '"amount_in" of case 1 is not a whole number'),
        (("cases", 0, "now"), "soon", '"now" of case 1 is not a whole number'),
        (("cases", 0, "fee_on"), "both", '"fee_on" of case 1 is neither "in" nor "out"'),
        (("cases", 0, "amount_out"), 1, 'case 1 must have either "amount_out" or "error"'),
        (("cases", 0, "error"), "", '"error" of case 1 is not a text'),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_its_fault(
    tmp_path: Path,
    recorded: dict[str, Any],
    place: tuple[str | int, ...],
    value: object,
    message: str,
    capsys: pytest.CaptureFixture[str],
):
    whole: Any = {"top": recorded}
    part = whole
    for key in (path := ("top", *place))[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert replay(tmp_path / "bad.json", whole["top"]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1 and not told.out


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([str(tmp_path / "none.json")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 2
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\0")
    assert main([str(tmp_path / "binary.json")]) == 2


def test_a_pool_without_the_roles_of_its_venue_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recorded = json.loads((DATA / "meteora_dlmm.json").read_bytes())
    del recorded["pools"][recorded["cases"][0]["pool"]]["bin_arrays"]
    assert replay(tmp_path / "bad.json", recorded) == 2
    assert "the recording names no bin_arrays" in capsys.readouterr().err


def test_names_from_a_file_cannot_forge_lines(
    tmp_path: Path, recorded: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    name = "x\n9 exact, 0 differ, 0 refused as recorded, 0 wrongly quoted\n"
    recorded["pools"][name] = recorded["pools"]["std_25bps_9_6"]
    recorded["cases"] = [{"pool": name, "forward": True, "amount_in": 10**6, "amount_out": 0}]
    assert replay(tmp_path / "forged.json", recorded) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2
