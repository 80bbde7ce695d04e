"""A process that kills the remaining child processes if the stack dies.

Runs by itself (``python -I -S reaper.py``) and imports only the standard library. It reads its standard input: ``+N``
adds process group N, ``-N`` removes it. When the pipe closes, it kills each group that is left. Decision 20 has the
alternatives.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def reap(orders: Iterable[str]) -> None:
    """Follow the orders until they end, then kill every process group that is left."""
    groups: set[int] = set()
    for order in orders:
        group = int(order[1:])
        if order.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    reap(sys.stdin)
