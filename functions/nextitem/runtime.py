"""ONNX Runtime, as it is imported everywhere here: without AMX.

On processors with AMX its int8 products of one row (each request has one) take the way of whole matrices, which repacks
the catalogue every time: a third of the speed of the AVX-512 one (`python -m bench.amx`). There is no setting for that.
But Linux grants AMX only where every thread's alternate signal stack could hold its registers, some 11 KB
(https://docs.kernel.org/arch/x86/xstate.html), and ONNX Runtime does without where it is refused. So the importing
thread registers a small one first. Nothing here handles signals on it.
"""

import ctypes
import os

STACK_BYTES = 4096
"""Enough for a signal handler in C, too small for AMX."""
_DISABLED = 2
"""SS_DISABLE: no alternate stack is registered."""


class _Stack(ctypes.Structure):
    """stack_t of sigaltstack(2)."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


_STACK = ctypes.create_string_buffer(STACK_BYTES)


def _refuse_amx() -> None:
    """Register the small stack, unless this thread has one already (faulthandler's, say) or this is no such machine."""
    if os.uname().sysname != "Linux" or os.uname().machine != "x86_64":
        return
    register = ctypes.CDLL(None).sigaltstack
    before = _Stack()
    if register(None, ctypes.byref(before)) or not before.flags & _DISABLED:
        return
    register(ctypes.byref(_Stack(ctypes.addressof(_STACK), 0, STACK_BYTES)), None)


_refuse_amx()

import onnxruntime as ort  # noqa: E402 - it asks for AMX while it is imported

__all__ = ["ort"]
