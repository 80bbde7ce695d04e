"""Keep faults of the telemetry out of answers and imports."""

import contextlib
import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

STDERR = 2
"""The descriptor, not `sys.stderr`: that may be closed or replaced."""
MAX_ERROR_CHARS = 1000
"""Characters of a traceback's start, and of its end, that are written: a pipe takes up to 4,096 bytes in one write."""

_Arguments = ParamSpec("_Arguments")


def never_raise(write: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
    """Make a function write one line to stderr instead of raising an exception.

    The line has the arguments, so that what could not be written otherwise is not lost. Causes are a wrong
    ``POWERTOOLS_*`` variable, a closed stdout, or a value that has no JSON.
    """

    @wraps(write)
    def guarded(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> None:
        try:
            write(*arguments, **options)
        except Exception:  # noqa: BLE001 - that is its purpose
            with contextlib.suppress(Exception):  # stderr is closed, too: there is nowhere left to write to
                _write_line(write.__qualname__, (*arguments, *options.values()))

    return guarded


def _write_line(name: str, arguments: tuple[object, ...]) -> None:
    import json  # both imported lazily: only a fault of the telemetry uses them
    import traceback

    error = traceback.format_exc()
    if len(error) > 2 * MAX_ERROR_CHARS:
        error = f"{error[:MAX_ERROR_CHARS]} ... {error[-MAX_ERROR_CHARS:]}"
    line = {
        "level": "ERROR",
        "message": "telemetry failed",
        "function": name,
        "arguments": arguments,
        "error": error,
    }
    os.write(STDERR, json.dumps(line, default=repr).encode() + b"\n")
