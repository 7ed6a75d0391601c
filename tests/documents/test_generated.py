"""What is in docs/api is what `./dev documents` makes of the API and the engine, to the byte, each time."""

from pathlib import Path

import pytest

from tools.documents import __main__ as generator

KEPT = generator.FOLDER


def test_the_files_are_those_that_the_generator_makes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(generator, "FOLDER", tmp_path)
    assert generator.main([]) == 0
    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_bytes() for file in KEPT.iterdir()}
    assert made.keys() == kept.keys()
    for name, content in made.items():
        assert content == kept[name], f"docs/api/{name} is not up to date: run ./dev documents"
