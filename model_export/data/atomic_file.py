"""Files and folders that appear whole or not at all, each written by one process at a time."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from model_export.interruption import uninterrupted
from nextitem.errors import InputError, PathUnusable

Write = Callable[[Path], object]
"""Writes a file at the path that it gets."""


def write_atomically(path: Path, write: Write) -> None:
    """Write a file beside its place, then move it there.

    Args:
        path: where the file belongs; missing folders are made.
        write: writes it to a path that ends as `path` does.

    Raises:
        InputError: it cannot be written.
    """
    write_together({path: write})


def write_together(files: Mapping[Path, Write]) -> None:
    """Write several files; they take their places only after all are written.

    Raises:
        InputError: one cannot be written, or another process writes it; the files that were there before are then
            untouched.
    """
    staged: dict[Path, Path] = {}
    path = Path()
    with ExitStack() as stack:
        try:
            for path, write in files.items():
                if path.is_dir():
                    raise IsADirectoryError(errno.EISDIR, "Is a directory")
                stack.enter_context(locked(path))
                with uninterrupted():
                    descriptor, name = tempfile.mkstemp(prefix=".", suffix=path.name, dir=path.parent)
                    stack.callback(Path(name).unlink, missing_ok=True)
                    os.close(descriptor)
                staged[path] = Path(name)
                write(staged[path])
                staged[path].chmod(0o644)
            with uninterrupted():
                for path, temporary in staged.items():
                    temporary.replace(path)
        except OSError as error:
            raise PathUnusable(path, "written", error) from error


def refuse_taken(path: Path) -> None:
    """Check that nothing has the name of a new folder yet.

    Raises:
        InputError: the name is taken.
    """
    if os.path.lexists(path):
        raise InputError(f"{path} exists already; name another folder or remove it")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes its name only when the block ends without an error.

    The folder is ``.NAME.partial`` until then. One that a killed process has left is removed first.

    Raises:
        InputError: the name is taken, another process is making the folder, or it cannot be made.
    """
    refuse_taken(path)
    incoming = path.with_name(f".{path.name}.partial")
    try:
        with locked(path):
            refuse_taken(path)  # the process that held the lock may have completed it
            try:
                if incoming.exists():
                    shutil.rmtree(incoming)
                incoming.mkdir(mode=0o700)
                yield incoming
                incoming.chmod(0o755)
                incoming.rename(path)
            finally:
                with uninterrupted():
                    shutil.rmtree(incoming, ignore_errors=True)
    except OSError as error:
        raise PathUnusable(path, "written", error) from error


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Give an empty folder that is removed at the end of the block, also if a signal comes while it is made or removed.

    Args:
        parent: the folder to make it in; None for that of the system's temporary files.

    Raises:
        OSError: it cannot be made.
    """
    folder = None
    try:
        with uninterrupted():
            folder = tempfile.mkdtemp(prefix="nextitem-" if parent is None else ".nextitem-", dir=parent)
        yield Path(folder)
    finally:
        with uninterrupted():
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let no other process write a file or folder within the block.

    The lock is on ``.NAME.lock`` beside it. It ends with the process, however that ends: a file that a killed process
    has left locks nothing.

    Raises:
        InputError: another process holds the lock, or the lock's file cannot be made.
    """
    lock = path.with_name(f".{path.name}.lock")
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with uninterrupted():
                descriptor = _lock(lock)
                if descriptor is not None:
                    stack.callback(os.close, descriptor)
                    stack.callback(lock.unlink, missing_ok=True)
        except OSError as error:
            raise PathUnusable(path, "written", error) from error
        if descriptor is None:
            raise InputError(f"another process is writing {path}; wait for its end, or name another one here")
        yield


def _lock(lock: Path) -> int | None:
    """Return the descriptor of a file that this process has locked; None if another one has."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, lock):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last holder has removed it meanwhile: without a name it locks nothing


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
