"""Write the figures of a benchmark as JSON."""

import json
from pathlib import Path


def write_json(document: object, path: Path | None) -> None:
    """Write a document as JSON; the file is replaced as a whole or not at all. Without a path, write nothing.

    Raises:
        OSError: it cannot be written.
        TypeError: the document is not JSON; nothing is written.
    """
    if path is None:
        return
    text = json.dumps(document, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
