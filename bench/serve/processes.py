"""Processes by their ids: on which cores they run, and how much processor time they take. Linux only."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_USER = 11
"""Place of the user time after the name in /proc/PID/stat; the system time follows."""


def children_of(pid: int) -> list[int]:
    """Return the process ids of all descendants; none if the process has ended."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        for child in map(int, (task / "children").read_text("ascii").split()):
            found += [child, *children_of(child)]
    return found


def command_of(pid: int) -> str:
    """Return a process's command line; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def pin(pids: Iterable[int], cores: Collection[int]) -> None:
    """Let all threads of some processes run on some cores only; threads that they start later do, too."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            os.sched_setaffinity(int(task.name), cores)


def cpu_ms(pids: Iterable[int]) -> float:
    """Return the processor time that some processes have taken, in milliseconds (in steps of 10)."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        total += int(fields[_USER]) + int(fields[_USER + 1])
    return total * _TICK_MS
