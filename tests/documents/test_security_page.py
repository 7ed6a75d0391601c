"""docs/security.md names a test for each risk of OWASP's list, and each test that it names is there."""

import ast
import re

from bestfill_adapters.settings import OF_THE_COMMAND_LINE, VARIABLES
from tests.documents.blocks import ROOT, read

PAGE = "docs/security.md"
# OWASP API Security Top 10, 2023.
RISKS = [
    "API1 Broken object level authorization",
    "API2 Broken authentication",
    "API3 Broken object property level authorization",
    "API4 Unrestricted resource consumption",
    "API5 Broken function level authorization",
    "API6 Unrestricted access to sensitive business flows",
    "API7 Server side request forgery",
    "API8 Security misconfiguration",
    "API9 Improper inventory management",
    "API10 Unsafe consumption of APIs",
]
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def functions(file: str) -> set[str]:
    """Give the names of a file's tests."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_it_names_is_there():
    named = TEST.findall(read(PAGE))
    assert len(named) > len(RISKS)
    for file, name in named:
        assert name.startswith("test_"), f"{file}: which of its tests?"
        assert name in functions(file), f"{file} has no {name}"


def test_each_risk_has_its_section_and_a_test():
    parts = re.split(r"^### (API.*)$", read(PAGE), flags=re.MULTILINE)
    assert parts[1::2] == RISKS
    for risk, section in zip(RISKS, parts[2::2], strict=True):
        assert TEST.search(section.partition("\n## ")[0]), risk


def test_the_settings_that_it_names_are_settings():
    assert set(re.findall(r"\bBESTFILL_\w+", read(PAGE))) <= {*VARIABLES, *OF_THE_COMMAND_LINE}
