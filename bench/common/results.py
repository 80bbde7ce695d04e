"""Writes a benchmark's figures for programs. Knows nothing of what was measured."""

import json
from pathlib import Path


def write_json(document: object, path: Path) -> None:
    """Write a document as JSON; the file appears whole or not at all, whatever was there before.

    Raises:
        OSError: it cannot be written.
        TypeError: the document holds what JSON cannot; nothing is written.
    """
    text = json.dumps(document, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
