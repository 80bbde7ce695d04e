"""A CPU quota for processes, by Linux's cpu controller: what a Lambda function of less than one vCPU runs under.

Needs root. Knows nothing of what is limited.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 20_000
"""Short, so that a process that has used up its share waits for milliseconds; the kernel's own default is 100,000."""


@contextmanager
def limited(name: str, vcpus: float, root: Path = CGROUPS) -> Iterator[Path]:
    """Make a control group whose processes get so many CPUs' time together; it goes at the end.

    Args:
        name: of the group.
        vcpus: 0.5 is 10 ms in each 20.
        root: where control groups are mounted, version 1 or 2.

    Yields:
        The file that a process writes its id to, to be limited.

    Raises:
        OSError: this is not Linux, or we may not.
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
