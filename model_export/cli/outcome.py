"""Tell what a stopped command has left of its files and folders."""

import os
from pathlib import Path

from model_export.interruption import NOTHING, describe_if_stopped


def all_or_nothing(*outputs: Path | None) -> None:
    """If a signal ends the command, say of each output whether it was written. Each appears whole or not at all.

    Args:
        outputs: files and folders; None is left out.
    """
    before = {path: _identity(path) for path in outputs if path is not None}

    def describe() -> str:
        written = [path for path, identity in before.items() if _identity(path) != identity]
        unwritten = [path for path in before if path not in written]
        parts = (("complete", written), ("not written", unwritten))
        return "; ".join(f"{_listed(paths)} {state}" for state, paths in parts if paths) or NOTHING

    describe_if_stopped(describe)


def new_in(folder: Path) -> None:
    """If a signal ends the command, say which new entries a folder has; each appears whole or not at all."""
    before = _entries(folder)

    def describe() -> str:
        added = [folder / name for name in sorted(_entries(folder) - before)]
        return f"{_listed(added)} complete" if added else f"{folder} has nothing new"

    describe_if_stopped(describe)


def _listed(paths: list[Path]) -> str:
    return f"{', '.join(map(str, paths))} {'is' if len(paths) == 1 else 'are'}"


def _entries(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except OSError:
        return set()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the inode and time of change of a file or folder: another one under the name has others."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
