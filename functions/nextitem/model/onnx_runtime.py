"""ONNX Runtime, as it is imported everywhere here: without its telemetry, and without AMX.

Since 1.29 ONNX Runtime on Linux sends its maker what sessions are opened, from a thread that starts with the import
(https://github.com/microsoft/onnxruntime/pull/27379). Nothing here asked for that, a function has no way out to send
it by, and the thread costs a cold start some 2 ms. Who wants it sets ORT_DISABLE_TELEMETRY=0.

On processors with AMX its int8 products of one row (each request has one) take the way of whole matrices, which repacks
the catalogue every time: a third of the speed of the AVX-512 one (`python -m bench.engine.amx`). There is no setting
for that. But Linux grants AMX only where every thread's alternate signal stack could hold its registers, some 11 KB
(https://docs.kernel.org/arch/x86/xstate.html), and ONNX Runtime does without where it is refused. So the importing
thread registers a small one for as long as the import takes. CPython's signal handlers run on the alternate stack, and
more than this one holds: so signals wait until it is gone again.
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator

STACK_BYTES = 4096
"""Too small for AMX."""
_DISABLED = 2
"""SS_DISABLE: no alternate stack is registered."""


class _Stack(ctypes.Structure):
    """stack_t of sigaltstack(2)."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextlib.contextmanager
def _without_amx() -> Iterator[None]:
    """Have AMX refused, unless this thread has a signal stack already (faulthandler's) or this is no such machine."""
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
    import onnxruntime as ort  # it reads the variable, and asks for AMX, while it is imported

__all__ = ["ort"]
