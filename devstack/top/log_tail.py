"""Read the logs of a running stack's workers while they grow."""

from pathlib import Path

from devstack.processes.errors import StackError

WORKER_LOGS = ("worker-*.log", "functions/*/worker-*.log")
"""In the directory of a stack; a local cloud has a folder for each version of a function."""


class LogTail:
    """The lines that were added to the logs of a directory since the last call; new files included.

    Args:
        directory: of a stack, with its workers' logs.

    Raises:
        StackError: the directory does not exist.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise StackError(f"{directory} is not a directory.")
        self.directory = directory
        self._offsets: dict[Path, int] = {}

    @property
    def exists(self) -> bool:
        """True while the stack runs: at its end it removes its directory."""
        return self.directory.is_dir()

    def lines(self) -> list[str]:
        """Return the new lines, file by file; an unfinished line comes with a later call."""
        lines: list[str] = []
        for path in sorted(path for pattern in WORKER_LOGS for path in self.directory.glob(pattern)):
            offset = self._offsets.get(path, 0)
            try:
                with path.open("rb") as log:
                    log.seek(offset)
                    complete, newline, _ = log.read().rpartition(b"\n")
            except FileNotFoundError:  # the stack has just ended
                continue
            self._offsets[path] = offset + len(complete) + len(newline)
            # not `splitlines`: an id in a record may have U+2028
            lines.extend(complete.decode("utf-8", "replace").split("\n") if newline else ())
        return lines
