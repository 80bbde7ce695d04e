"""A process that outlives the stack by a moment, to end what the stack left running.

It runs by itself (``python -I -S guardian.py``) and reads its standard input: ``+N`` puts process
group N in its care, ``-N`` takes it out. When the pipe closes, by whatever death of the other end,
it kills each group still in its care. Linux's PR_SET_PDEATHSIG would do less: it follows the thread
that forked, reaches no grandchildren, and needs Python code between fork and exec, which newer
Pythons warn about in a process with threads. This module must import nothing but the standard library.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def guard(orders: Iterable[str]) -> None:
    """Follow the orders until they end, then kill every process group still in care."""
    in_care: set[int] = set()
    for order in orders:
        group = int(order[1:])
        if order.startswith("+"):
            in_care.add(group)
        else:
            in_care.discard(group)
    for group in in_care:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    guard(sys.stdin)
