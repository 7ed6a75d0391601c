"""Every link of every document leads somewhere."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.documents.blocks import DOCUMENTS, ROOT, read

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def anchors(document: str) -> Iterator[str]:
    """Give the anchors of a document's headings, as GitHub makes them."""
    seen = Counter[str]()
    for heading in re.findall(r"^#+ +(.*)$", FENCED.sub("", read(document)), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str):
    for link in LINK.findall(FENCED.sub("", read(document))):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (ROOT / document).parent.joinpath(path).resolve() if path else ROOT / document
        assert target.exists(), f"{document}: {link}"
        if anchor:
            assert anchor in set(anchors(str(target.relative_to(ROOT)))), f"{document}: {link}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_is_there(document: str):
    """Names in backticks that begin with a folder of the tree; `…` and `*` stand for anything."""
    for name in re.findall(
        r"`((?:packages|services|tests|tools|docs|examples|bench|requirements)/[\w./*-]+)`", read(document)
    ):
        assert any(ROOT.glob(name.rstrip("/"))), f"{document}: {name}"
