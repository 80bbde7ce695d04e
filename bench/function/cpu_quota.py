"""A CPU quota for processes by Linux's cpu controller, as a Lambda function with less than one vCPU has. Needs root."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 20_000
"""Short, so that a process waits only milliseconds for its next share; the kernel's default is 100,000."""


@contextmanager
def cpu_quota(name: str, vcpus: float, root: Path = CGROUPS) -> Iterator[Path]:
    """Create a control group with a CPU quota; it is removed at the end.

    Args:
        name: of the group.
        vcpus: for all its processes together; 0.5 is 10 ms of each 20.
        root: mount point of control groups, version 1 or 2.

    Yields:
        The file to which a process writes its id to join the group.

    Raises:
        OSError: this is not Linux, or the user is not root.
    """
    quota = round(PERIOD_US * vcpus)
    controllers = root / "cgroup.controllers"
    if controllers.is_file():
        if "cpu" not in (root / "cgroup.subtree_control").read_text().split():
            (root / "cgroup.subtree_control").write_text("+cpu")
        group, limits = root / name, {"cpu.max": f"{quota} {PERIOD_US}"}
    else:
        group, limits = root / "cpu" / name, {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(quota)}
    group.mkdir()
    try:
        for file, value in limits.items():
            (group / file).write_text(value)
        yield group / "cgroup.procs"
    finally:
        group.rmdir()
