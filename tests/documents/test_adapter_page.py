"""docs/write-an-adapter.md builds the example; `test_blocks.py` does so, step by step."""

from tests.documents.blocks import ROOT, blocks, commands

PAGE = "docs/write-an-adapter.md"
EXAMPLE = "examples/your_own_venue"


def test_the_page_holds_the_whole_example_and_nothing_else():
    page = {block.file: block.text + "\n" for block in blocks(PAGE) if block.file}
    example = {
        str(path.relative_to(ROOT)): path.read_text()
        for path in (ROOT / EXAMPLE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    }
    assert page == example


def test_the_examples_readme_repeats_the_page():
    page, example = (
        [command for block in blocks(document) if block.is_shell for command in commands(block.text)]
        for document in (PAGE, f"{EXAMPLE}/README.md")
    )
    assert set(example) <= set(page)
