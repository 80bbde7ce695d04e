"""The logs of a running stack's workers, as they grow: what was read once is not read again.

Knows no record: only files and lines.
"""

import tempfile
from pathlib import Path

from devstack.processes.errors import StackError

STACK_DIRECTORIES = "devstack-*"
WORKER_LOGS = "worker-*.log"


class LogTail:
    """The lines that were added to the logs of a directory since it was last asked; new files are found.

    Args:
        directory: of a stack, with its workers' logs.

    Raises:
        StackError: it is no directory.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise StackError(f"{directory} is no directory.")
        self.directory = directory
        self._read: dict[Path, int] = {}

    @property
    def is_there(self) -> bool:
        """Whether the stack still is: it takes its directory with it."""
        return self.directory.is_dir()

    def lines(self) -> list[str]:
        """Return the lines that are new, file by file; one that is still being written comes the next time."""
        found: list[str] = []
        for path in sorted(self.directory.glob(WORKER_LOGS)):
            begin = self._read.get(path, 0)
            try:
                with path.open("rb") as log:
                    log.seek(begin)
                    whole, newline, _ = log.read().rpartition(b"\n")
            except FileNotFoundError:  # the stack has just ended
                continue
            self._read[path] = begin + len(whole) + len(newline)
            found.extend(whole.decode("utf-8", "replace").splitlines() if newline else ())
        return found


def running_stack(parent: Path | None = None) -> Path:
    """Return the directory of the stack that was started last.

    Args:
        parent: where stacks keep their directories; by default where temporary files are.

    Raises:
        StackError: there is none.
    """
    parent = parent or Path(tempfile.gettempdir())
    found = [directory for directory in parent.glob(STACK_DIRECTORIES) if directory.is_dir()]
    if not found:
        raise StackError("No stack is running here: `make run` starts one, --logs names the directory of another.")
    return max(found, key=lambda directory: directory.stat().st_ctime)
