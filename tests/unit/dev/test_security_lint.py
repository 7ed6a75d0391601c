"""`./dev lint` looks for holes by two programs: what one leaves out, the other has."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
RUFF, SKIPS = TOOLS["ruff"]["lint"], TOOLS["bandit"]["skips"]


def test_what_bandit_skips_is_checked_by_ruff_wherever_bandit_looks():
    (line,) = re.findall(r"bandit -q -c pyproject\.toml -r (.+)", (ROOT / "dev").read_text())
    assert line.split() == ["packages", "services", "tools", "bench"]
    assert "S" in RUFF["select"]
    left_out = {f"S{skip[1:]}" for skip in SKIPS} & set(RUFF["ignore"])
    for pattern, rules in RUFF["per-file-ignores"].items():
        if pattern.split("/")[0] in line.split():
            assert "S" not in rules, pattern
            left_out |= {rule for rule in rules if rule.startswith("S")}
    # asserts, and chance that a seed repeats
    assert left_out == {"S101", "S311"}


def test_bandit_finds_what_it_is_there_for(tmp_path: Path):
    holes = {
        "pickled": "import pickle\n",
        "spoken": "import telnetlib\n",
        "run": "eval(input())\n",
        "loaded": "import yaml\n\nyaml.load(open('a'))\n",
        "turned": "x = 1  # \u202e\n",
    }
    for name, code in holes.items():
        (tmp_path / f"{name}.py").write_text(code)
    done = subprocess.run(
        [ROOT / "dev", "exec", "bandit", "-q", "-c", ROOT / "pyproject.toml", "-f", "json", "-r", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert {Path(found["filename"]).stem for found in json.loads(done.stdout)["results"]} == set(holes)


def test_an_exception_to_bandit_names_its_rule_and_its_reason():
    marks = [
        line
        for folder in ("packages", "services", "tools", "bench")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text().splitlines()
        if "nosec" in line
    ]
    assert all(re.search(r"# nosec B\d{3} # \w+", line) for line in marks), marks
