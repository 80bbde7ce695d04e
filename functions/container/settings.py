"""Read the settings of the container's server from environment variables; `nextitem.settings` has all others."""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from nextitem.errors import SettingsError

MAX_WORKERS = 256
MAX_CONCURRENCY = 64
MAX_QUEUE = 10_000
MAX_PORT = 65_535
MAX_SECONDS = 3600
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""The container's limit of processor time (cgroup 2): microseconds in each period, or `max`."""

FORMS = {
    "NEXTITEM_HOST": (r"[A-Za-z0-9:.-]{1,253}", "an address of this machine, or a name that has one"),
    "NEXTITEM_PORT": (r"[0-9]{1,5}", f"a whole number from 0 to {MAX_PORT}"),
    "NEXTITEM_WORKERS": (r"[0-9]{1,3}", f"a whole number from 1 to {MAX_WORKERS}"),
    "NEXTITEM_CONCURRENCY": (r"[0-9]{1,2}", f"a whole number from 1 to {MAX_CONCURRENCY}"),
    "NEXTITEM_QUEUE": (r"[0-9]{1,5}", f"a whole number from 0 to {MAX_QUEUE}"),
    "NEXTITEM_DRAIN_DELAY_SECONDS": (r"[0-9]{1,4}(\.[0-9]{1,3})?", f"a number from 0 to {MAX_SECONDS}"),
    "NEXTITEM_DRAIN_SECONDS": (r"[0-9]{1,4}(\.[0-9]{1,3})?", f"a number from 0 to {MAX_SECONDS}"),
}
"""The form of each value, as a pattern and in words."""


class ContainerSettings(msgspec.Struct, frozen=True):
    """The settings of the container's server. An empty variable counts as not set.

    Attributes:
        host: ``NEXTITEM_HOST``, the address to listen on.
        port: ``NEXTITEM_PORT``, the TCP port; 0 takes a free one.
        workers: ``NEXTITEM_WORKERS``, the number of worker processes, which share the mapped weights. By default one
            for each core that the container may use.
        concurrency: ``NEXTITEM_CONCURRENCY``, the requests that a worker works on at once, each in a thread.
        queue: ``NEXTITEM_QUEUE``, the requests that may wait in a worker; beyond it the answer is a 503.
        drain_delay_seconds: ``NEXTITEM_DRAIN_DELAY_SECONDS``, the time after SIGTERM in which a worker still accepts
            connections: until everything that sends requests has noticed that it is not ready.
        drain_seconds: ``NEXTITEM_DRAIN_SECONDS``, the time after that in which running requests may end.
    """

    host: str
    port: int
    workers: int
    concurrency: int
    queue: int
    drain_delay_seconds: float
    drain_seconds: float

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "ContainerSettings":
        """Read the settings.

        Raises:
            SettingsError: a setting is wrong.
        """
        return cls(
            host=_text(environment, "NEXTITEM_HOST", "0.0.0.0"),  # noqa: S104 - the pod's address is not known
            port=int(_number(environment, "NEXTITEM_PORT", 8080, 0, MAX_PORT)),
            workers=int(_number(environment, "NEXTITEM_WORKERS", usable_cores(), 1, MAX_WORKERS)),
            concurrency=int(_number(environment, "NEXTITEM_CONCURRENCY", 4, 1, MAX_CONCURRENCY)),
            queue=int(_number(environment, "NEXTITEM_QUEUE", 32, 0, MAX_QUEUE)),
            drain_delay_seconds=_number(environment, "NEXTITEM_DRAIN_DELAY_SECONDS", 5, 0, MAX_SECONDS),
            drain_seconds=_number(environment, "NEXTITEM_DRAIN_SECONDS", 20, 0, MAX_SECONDS),
        )


def usable_cores(quota: Path = CPU_QUOTA) -> int:
    """Return the number of cores that this process may use: its affinity, or less by the container's quota."""
    cores = len(os.sched_getaffinity(0))
    try:
        microseconds, period = quota.read_text("ascii").split()
        return max(1, min(cores, math.ceil(int(microseconds) / int(period))))
    except (OSError, ValueError):  # no cgroup 2, or no limit
        return min(cores, MAX_WORKERS)


def _text(environment: Mapping[str, str], name: str, default: str) -> str:
    value = environment.get(name) or default
    pattern, form = FORMS[name]
    if re.fullmatch(pattern, value) is None:
        raise SettingsError(f"{name} must be {form}, not {value!r}")
    return value


def _number(environment: Mapping[str, str], name: str, default: float, least: int, most: int) -> float:
    value = float(_text(environment, name, f"{default:g}"))
    if not least <= value <= most:
        raise SettingsError(f"{name} must be {FORMS[name][1]}, not {value:g}")
    return value
