"""Every block of every document works as it is shown, or is accounted for in `elsewhere.py`."""

import functools
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.documents.blocks import DOCUMENTS, ROOT, SHOWN, Block, blocks, commands, read
from tests.documents.elsewhere import ELSEWHERE
from tests.documents.sandbox import Sandbox
from tests.documents.shapes import differences, renamed
from tools.servers import binaries
from tools.servers.databases import drop_database

PARSERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
# What needs an engine; a document that starts none relies on the reader's `./dev run`.
CLIENTS = re.compile(r"127\.0\.0\.1:3000|\./dev bestfill (?!verify)")
SERVERS = re.compile(r"(?:\w+=\S+ )*\./dev (?:run|api|worker|full)\b")
# In place of the servers that these URLs stand for, a document gets real ones.
DATABASE_URL, REDIS_URL = "postgresql://user:password@host:5432/bestfill", "redis://host:6379/0"
RESTORED = "bestfill_restored"
WITH_BLOCKS = [document for document in DOCUMENTS if any(blocks(document))]


@pytest.fixture
def servers(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Give real servers for those that a document names, and PostgreSQL's own programs of the same version."""
    restored = f"{database_url}_restored"
    if not os.environ.get("TEST_DATABASE_URL"):
        monkeypatch.setenv("PATH", str(binaries.postgres().folder), prepend=os.pathsep)
    yield {DATABASE_URL: database_url, REDIS_URL: redis_url, RESTORED: restored.rpartition("/")[2]}
    drop_database(database_url, restored)


@pytest.mark.timeout(300)  # some seconds; more only where the machine has no time
@pytest.mark.parametrize("document", [document for document in WITH_BLOCKS if document not in ELSEWHERE])
def test_what_a_document_shows_works(document: str, tmp_path: Path, request: pytest.FixtureRequest):
    instead = request.getfixturevalue("servers") if DATABASE_URL in read(document) else {}
    with Sandbox(tmp_path, instead) as sandbox:
        printed: str | None = None
        for block in blocks(document):
            try:
                printed = _follow(sandbox, block, printed)
            except AssertionError as error:
                raise AssertionError(f"{document}:{block.line}: {error}") from None


def _follow(sandbox: Sandbox, block: Block, printed: str | None) -> str | None:
    """Do what a reader would do with a block; give what that prints, or None if nothing was run."""
    if block.name in ELSEWHERE and not block.is_shell:
        return None
    if block.file:
        sandbox.put(block.file, block.text)
    elif block.is_shell:
        return _run(sandbox, block)
    elif block.language == "python":
        _start(sandbox, block.text)
        return sandbox.python(block.text)
    elif block.answers and block.language in SHOWN:
        if printed is not None:
            shown = sandbox.meant(block.text)
            difference = differences(shown, printed)
            assert not difference, difference
            sandbox.rename(renamed(shown, printed))
    elif block.language == "ini":
        (command,) = re.findall("^ExecStart=/srv/bestfill/(.*)$", block.text, re.MULTILINE)
        assert sandbox.serves(f"./{command}"), "this unit starts what was not tried before"
    elif block.language in PARSERS:
        PARSERS[block.language](block.text)
    else:
        raise AssertionError(f"nothing is known of this block; elsewhere.py could say of it: {block.name!r}")
    return None


def _run(sandbox: Sandbox, block: Block) -> str | None:
    printed: str | None = None
    for command in commands(block.text):
        if command in ELSEWHERE:
            continue
        if SERVERS.match(command):
            sandbox.serve(command)
        else:
            _start(sandbox, command)
            printed = (printed or "") + sandbox.run(command)
    return printed


def _start(sandbox: Sandbox, text: str) -> None:
    if CLIENTS.search(text) and not sandbox.servers:
        sandbox.serve("./dev run")


def shown() -> set[str]:
    """Give all that may need an entry in the table."""
    names = set(WITH_BLOCKS)
    for document in WITH_BLOCKS:
        for block in blocks(document):
            names.update(commands(block.text) if block.is_shell else [block.name])
    return names


def test_the_table_names_only_what_is_shown_and_tests_that_exist():
    assert sorted(set(ELSEWHERE) - shown()) == []
    for why in ELSEWHERE.values():
        for file, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", why):
            assert (ROOT / file).exists(), why
            assert not name or f"def {name}(" in (ROOT / file).read_text(), why


@functools.cache
def usage(*words: str) -> str:
    done = subprocess.run([ROOT / "dev", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def test_the_commands_that_others_run_have_the_options_that_are_shown():
    for command in ELSEWHERE:
        if command.startswith("./dev ") and (options := re.findall(r" (--[\w-]+)", command)):
            verb = command.split()[1]
            assert set(options) <= set(re.findall(r"--[\w-]+", usage(verb, "--help"))), command


def test_every_command_of_dev_that_is_mentioned_is_one():
    known = set(re.findall(r"^  (\w+(?:, \w+)*)", usage("help"), re.MULTILINE))
    known = {verb for verbs in known for verb in verbs.split(", ")}
    for document in DOCUMENTS:
        mentioned = set(re.findall(r"\./dev[ \n](\w+)", read(document)))
        assert mentioned <= known, f"{document}: {mentioned - known}"
