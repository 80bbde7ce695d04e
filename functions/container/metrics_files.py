"""The files in which the worker processes of a container keep their metrics, and which process writes which.

prometheus_client names files after process ids. Then each restart of a worker leaves files behind, and only the
supervisor learns which processes ended. Here a file belongs to a worker number: a process has it while it holds a
lock, which the kernel releases at the process's end, however it ends. A new worker takes a free number and continues
the counters of its files. So no counter falls, there are never more files than there were workers at once, and no
server needs a hook (decision 47).

prometheus_client maps files with holes: where the disk is full, a write into a hole ends the process (SIGBUS). So room
is reserved before a series begins.
"""

import fcntl
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable by which prometheus_client finds the directory, in every worker."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - files in it are memory: nothing is ever written to a disk
FIRST_BYTES = 1 << 16
"""Of a file. It is doubled as series come, like prometheus_client's map of it."""
MARGIN_BYTES = 1 << 14
"""Room for one family's next series: a histogram's has some 20 values of up to 400 bytes."""
KINDS = ("counter", "histogram", "summary", "gauge_livesum")
"""prometheus_client's names of the files that the sink's metrics are in."""
_NONE = -1
_LOCK_NAME = re.compile(r"worker_(\d+)\.lock")


@contextmanager
def metrics_directory() -> Iterator[Path]:
    """Give the worker processes an empty directory; the supervisor calls this before it starts them.

    Without the environment variable the directory is a new one in shared memory, and is removed at the end.
    """
    if given := os.environ.get(VARIABLE):
        directory = Path(given)
        directory.mkdir(parents=True, exist_ok=True)
        for file in (*directory.glob("*.db"), *directory.glob("*.lock")):
            file.unlink()  # of a container that ran before on the same volume
        yield directory
        return
    parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="nextitem-metrics-", dir=parent))
    os.environ[VARIABLE] = str(directory)
    try:
        yield directory
    finally:
        os.environ.pop(VARIABLE, None)
        shutil.rmtree(directory, ignore_errors=True)


def shared_directory() -> Path:
    """Return the directory that the supervisor chose.

    Raises:
        RuntimeError: there is none.
    """
    if not (name := os.environ.get(VARIABLE)):
        raise RuntimeError(f"{VARIABLE} is not set: start the workers inside `metrics_directory()`")
    return Path(name)


class WorkerNumber:
    """The number of this process: call it. A forked child takes another one.

    Args:
        directory: of the metrics files.

    Raises:
        OSError: by a call, too: the lock cannot be created.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = self._number = _NONE
        os.register_at_fork(after_in_child=self.release)  # asking for the process id at each write takes 1 us

    def __call__(self) -> int:
        """Return the number, which no other running process has."""
        if self._number == _NONE:
            self._take()
        return self._number

    def release(self) -> None:
        """Let another process have the number. In a forked child this keeps the lock, which the parent still holds."""
        if self._number != _NONE:
            os.close(self._descriptor)
        self._descriptor = self._number = _NONE

    def reserve(self) -> None:
        """Make room for the next series.

        Raises:
            OSError: the disk is full.
        """
        for kind in KINDS:
            _reserve(self._directory / f"{kind}_{self()}.db")

    def _take(self) -> None:
        for number in count():
            descriptor = _locked(self._directory / f"worker_{number}.lock")
            if descriptor is not None:
                self._descriptor, self._number = descriptor, number
                return


def forget_dead_gauges(directory: Path) -> None:
    """Remove the gauges of processes that ended, such as their requests in flight. Their counters stay."""
    for path in directory.glob("*.lock"):
        name = _LOCK_NAME.fullmatch(path.name)
        descriptor = _locked(path) if name else None
        if name and descriptor is not None:
            mark_process_dead(int(name[1]), str(directory))  # under the lock: no new worker may open them meanwhile
            os.close(descriptor)


def _reserve(path: Path) -> None:
    """Allocate a metrics file, up to the margin behind what is used. Its first four bytes say how much that is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    size = os.fstat(descriptor).st_size
    try:
        used = int.from_bytes(os.pread(descriptor, 4, 0), sys.byteorder)
        if used + MARGIN_BYTES > size:
            os.posix_fallocate(descriptor, 0, max(2 * size, FIRST_BYTES))
    except OSError:
        if size == 0:
            path.unlink()  # a scrape cannot read an empty file
        raise
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    """Return a descriptor that holds the lock of a file, None if another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
