"""Keep what takes minutes to make in `.build/bench`, under a name that says what it was made from."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from model_export.data.atomic_file import new_folder

HOME = Path(".build/bench")
HEX_DIGITS = 12
"""Length of a digest in a name."""


def cached(name: str, made_from: Mapping[str, object], make: Callable[[Path], object], home: Path = HOME) -> Path:
    """Return a folder made from given settings, data and code; make it if there is none of exactly these.

    Args:
        name: of the kind of folder; folders of this kind that were made from anything else are removed.
        made_from: everything that the content depends on, as JSON.
        make: fills an empty folder; if it fails, nothing is kept.
        home: where the folders are.
    """
    digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:HEX_DIGITS]
    path = home / f"{name}-{digest}"
    if not path.is_dir():
        with new_folder(path) as folder:
            make(folder)
        for stale in home.glob(f"{name}-{'[0-9a-f]' * HEX_DIGITS}"):
            if stale != path:
                shutil.rmtree(stale)
    return path


def digest_of(paths: Iterable[Path]) -> str:
    """Return a digest of files and of the Python files in folders, with their names."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(path.parent)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
