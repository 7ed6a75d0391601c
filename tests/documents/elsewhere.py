"""What the documents show and `test_blocks.py` does not run: each by the test that runs it, or with the reason.

The key is the command, the first line of another block, or a whole document. A test stands for what it does with the
same command and, if need be, smaller numbers.
"""

from typing import Final

BREAK: Final = "tests/simulation/test_breaks.py::test_a_broken_rule_is_noticed_within_2000_orders"
CHAOS: Final = "tests/e2e/chaos/test_chaos.py::test_no_order_is_lost_or_swapped_twice_and_the_audit_would_see_it"
CLIENT: Final = "tests/integration/client/test_examples.py::test_every_snippet_of_the_readme_runs"
CLUSTER: Final = (
    "tests/integration/solana/test_cluster_process.py::test_it_trades_by_the_lines_that_it_prints_and_ctrl_c_ends_it"
)
FULL: Final = "tests/e2e/test_full.py::test_the_example_is_confirmed_through_all_of_it_and_ctrl_c_leaves_nothing"
REPLAY: Final = "tests/simulation/test_command.py::test_a_replay_tells_the_story_in_words_and_repeats_itself"
SIM: Final = "tests/simulation/test_command.py::test_two_processes_find_what_one_does_and_dev_hands_it_all_over"
SOLANA_SIM: Final = "tests/simulation/solana/test_command.py::test_a_run_reports_what_was_sent_and_what_has_landed"
TABLE: Final = "tests/unit/core/test_machine.py::test_the_readme_draws_the_table"
VENUE: Final = "tests/documents/test_adapter_page.py::test_the_examples_readme_repeats_the_page"
WORKERS: Final = "tests/e2e/test_full.py::test_a_killed_one_leaves_no_process_and_no_port"
DOCKER: Final = "there is no Docker engine; tests/unit/test_compose.py holds its files against the code"
DRAWING: Final = "a drawing"

ELSEWHERE: Final = {
    "./dev test -x -q tests/unit/core": "a part of what runs this",
    "packages/client/README.md": CLIENT,
    "examples/your_own_venue/README.md": VENUE,
    "./dev test": "it is what runs this",
    "./dev test -q tests/documents": "this very test",
    "./dev lint": "it comes before the tests, in .ci/run",
    "./dev exec ruff format .": "it would write into the tree",
    "./dev full": FULL,
    "./dev full --workers 4": WORKERS,
    "./dev cluster": CLUSTER,
    "curl http://127.0.0.1:3000/api/orders/execute -H 'Content-Type: application/json' -d '{\n"
    '  "userId": "user-123", "tokenIn": "SOL", "tokenOut": "tUSD", '
    '"amountIn": "1.5", "slippageTolerance": 0.5}\'': CLUSTER,
    "./dev sim --seeds 100": SIM,
    "./dev sim --seeds 2000": SIM,
    "./dev sim --seeds 50 --orders 40 --workers 6": SIM,
    "./dev sim --seed 17": REPLAY,
    "./dev sim --break resign-on-timeout": BREAK,
    "./dev sim --chain solana": SOLANA_SIM,
    "./dev chaos": CHAOS,
    "./dev chaos --minutes 2": CHAOS,
    "./dev chaos --seed 4": CHAOS,
    "./dev chaos --seconds 30 --workers 2": CHAOS,
    "./dev chaos --log FILE": CHAOS,
    "docker compose up --build --wait": DOCKER,
    "docker compose exec api bestfill keys create --user ann --scope trade": DOCKER,
    "docker compose up --wait --scale worker=4": DOCKER,
    "systemctl enable --now bestfill-api bestfill-worker@1 bestfill-worker@2": "there is no systemd",
    "upstream bestfill { server 127.0.0.1:3000; server 127.0.0.1:3001; }": "there is no nginx",
    "stateDiagram-v2": TABLE,
    "        HTTP, WebSocket                                    DEXes            the chain": DRAWING,
    "gateway ── venue ─── directory ──┐                 account bytes ─ quoting/ (integers alone)": DRAWING,
}
