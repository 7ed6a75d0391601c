"""What `./dev sim --chain solana` says, and how it ends."""

from tools.sim.__main__ import main
from tools.sim.solana.breaks import BREAKS

SMALL = ["--chain", "solana", "--orders", "3", "--workers", "2", "--jobs", "1"]


def test_a_run_reports_what_was_sent_and_what_has_landed(capsys):
    assert main(["--seeds", "2", *SMALL]) == 0
    said = capsys.readouterr().out
    for words in ("seeds        2 (0 to 1), 2 workers each", "sends lost", "swaps signed", "violations   none"):
        assert words in said


def test_a_broken_rule_ends_in_1_and_names_the_command_that_replays_it(capsys):
    assert main(["--break", "resign-on-timeout", "--chain", "solana", "--orders", "12"]) == 1
    said = capsys.readouterr().out
    replay = next(line.split("./dev sim ")[1] for line in said.splitlines() if "replay:" in line)
    assert "--chain solana" in replay
    assert main(replay.split()) == 1
    assert "VIOLATION: swap: order" in capsys.readouterr().out


def test_list_names_the_rules_of_this_chain(capsys):
    assert main(["--chain", "solana", "--break", "list"]) == 0
    assert capsys.readouterr().out.split("\n") == [*BREAKS, ""]
