"""ONNX Runtime is imported without AMX, and only by the room that sees to that."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
PERMITTED = """
import ctypes, sys
exec(sys.argv[1])
GET_PERMISSIONS, ARCH_PRCTL = 0x1022, 158  # https://docs.kernel.org/arch/x86/xstate.html
features = ctypes.c_uint64()
assert ctypes.CDLL(None).syscall(ARCH_PRCTL, GET_PERMISSIONS, ctypes.byref(features)) == 0
print(features.value >> 18 & 1)
"""


def has_amx() -> bool:
    """Whether this is Linux on a processor with AMX."""
    cpus = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and cpus.exists() and "amx_int8" in cpus.read_text("ascii")


@pytest.mark.skipif(not has_amx(), reason="this processor has no AMX to do without")
def test_amx_is_not_asked_for() -> None:
    # GIVEN a processor with AMX, which ONNX Runtime takes where it is let
    def permitted(program: str) -> str:
        command = [sys.executable, "-c", PERMITTED, program]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(FUNCTIONS)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert permitted("import onnxruntime") == "1"
    # WHEN it comes by our room THEN it is refused
    assert permitted("import nextitem.runtime") == "0"


def test_no_other_room_imports_it() -> None:
    importing = [
        path.name
        for path in FUNCTIONS.rglob("*.py")
        if any(line.startswith(("import onnxruntime", "from onnxruntime")) for line in path.read_text().splitlines())
    ]
    assert importing == ["runtime.py"]
