"""Import ONNX Runtime without its telemetry and without AMX. All other modules import it from here.

Telemetry: since 1.29 ONNX Runtime on Linux reports to its maker which sessions are opened, from a thread that starts
with the import (https://github.com/microsoft/onnxruntime/pull/27379). The thread costs some 2 ms of a cold start. Set
ORT_DISABLE_TELEMETRY=0 to keep it.

AMX: on processors that have it, ONNX Runtime multiplies a single int8 row (each request has one) by the method for
whole matrices, which repacks the catalogue each time. That has a third of the speed of AVX-512 (`python -m
bench.engine.amx`), and no setting changes it. But Linux refuses AMX to a process if one of its threads has an
alternate signal stack that cannot hold the AMX registers, some 11 KB (https://docs.kernel.org/arch/x86/xstate.html),
and ONNX Runtime then uses AVX-512. So the importing thread registers a smaller stack during the import. CPython's
signal handlers run on that stack and need more, so signals are blocked meanwhile.
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator

STACK_BYTES = 4096
"""Too small for the AMX registers."""
_DISABLED = 2
"""SS_DISABLE: no alternate stack is registered."""


class _Stack(ctypes.Structure):
    """stack_t of sigaltstack(2)."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextlib.contextmanager
def _without_amx() -> Iterator[None]:
    """Make Linux refuse AMX. Does nothing elsewhere, or if this thread has a signal stack already (faulthandler's)."""
    if os.uname().sysname != "Linux" or os.uname().machine != "x86_64":
        yield
        return
    register = ctypes.CDLL(None).sigaltstack
    before = _Stack()
    if register(None, ctypes.byref(before)) or not before.flags & _DISABLED:
        yield
        return
    memory = ctypes.create_string_buffer(STACK_BYTES)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        register(ctypes.byref(_Stack(ctypes.addressof(memory), 0, STACK_BYTES)), None)
        try:
            yield
        finally:
            register(ctypes.byref(before), None)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
with _without_amx():
    import onnxruntime as ort  # reads the variable and requests AMX during the import

__all__ = ["ort"]
