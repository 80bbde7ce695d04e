"""ONNX Runtime is imported without AMX and telemetry, and only by `onnx_runtime`."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[3] / "functions"
PERMITTED = """
import ctypes, sys
exec(sys.argv[1])
GET_PERMISSIONS, ARCH_PRCTL = 0x1022, 158  # https://docs.kernel.org/arch/x86/xstate.html
features = ctypes.c_uint64()
assert ctypes.CDLL(None).syscall(ARCH_PRCTL, GET_PERMISSIONS, ctypes.byref(features)) == 0
print(features.value >> 18 & 1)
"""


def has_amx() -> bool:
    """Return whether this is Linux on a processor with AMX."""
    cpus = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and cpus.exists() and "amx_int8" in cpus.read_text("ascii")


@pytest.mark.skipif(not has_amx(), reason="this processor has no AMX to do without")
def test_amx_is_not_used() -> None:
    def permitted(program: str) -> str:
        command = [sys.executable, "-c", PERMITTED, program]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(FUNCTIONS)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert permitted("import onnxruntime") == "1"
    assert permitted("import nextitem.model.onnx_runtime") == "0"


SIGNALLED = """
import ctypes, os, signal, sys
before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
import nextitem.model.onnx_runtime
assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
stack = (ctypes.c_uint64 * 3)()
assert ctypes.CDLL(None).sigaltstack(None, stack) == 0
print(stack[1] & 0xFFFFFFFF)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="signal stacks are asked for by Linux's C library")
def test_the_signal_stack_is_removed_after_the_import() -> None:
    # Python's signal handlers would overflow it.
    command = [sys.executable, "-c", SIGNALLED]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(FUNCTIONS)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(ran.stdout) == 2, "SS_DISABLE: no alternate stack is registered"


THREADS = "import os, sys; exec(sys.argv[1]); print(len(os.listdir('/proc/self/task')))"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted by Linux's /proc")
def test_telemetry_is_off_unless_switched_on() -> None:
    # It runs in a thread.
    def threads(**variables: str) -> int:
        command = [sys.executable, "-c", THREADS, "import nextitem.model.onnx_runtime"]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(FUNCTIONS), "OPENBLAS_NUM_THREADS": "1", **variables}
        return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)

    assert threads() == 1
    assert threads(ORT_DISABLE_TELEMETRY="0") == 2


def test_no_other_module_imports_it() -> None:
    importing = [
        path.name
        for path in FUNCTIONS.rglob("*.py")
        if any(
            line.strip().startswith(("import onnxruntime", "from onnxruntime"))
            for line in path.read_text().splitlines()
        )
    ]
    assert importing == ["onnx_runtime.py"]
