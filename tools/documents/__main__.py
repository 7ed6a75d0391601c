"""Writes the documents of docs/api; see ./dev help."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.documents import asyncapi, newman, postman
from tools.documents.house import openapi

FOLDER = Path(__file__).parents[2] / "docs" / "api"


def documents() -> dict[str, str]:
    """Make them all; give the text of each file by its name."""
    made = {
        "asyncapi.json": asyncapi.with_examples(),
        "bestfill.postman_collection.json": postman.collection(),
        "openapi.json": openapi(),
    }
    return {name: _text(document) for name, document in made.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write them, or install what tests them; return the exit code."""
    parser = argparse.ArgumentParser(prog="./dev documents", description="Renew the documents of docs/api.")
    parser.add_argument("--install", action="store_true", help="instead, install newman, which tests them")
    if parser.parse_args(arguments).install:
        return newman.install()
    logging.getLogger("bestfill").addHandler(logging.NullHandler())  # some orders are meant to fail
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{FOLDER / name}\n")
    return 0


def _text(document: dict[str, Any]) -> str:
    """Write one as it is kept."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
