"""The program says what to install where its packages are missing, as after `make run`."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["typer"] = None  # as if it were not installed
from model_export.cli import main
main()
"""


def test_a_missing_package_is_one_line() -> None:
    program = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (program.returncode, program.stdout) == (1, "")
    assert program.stderr == "nextitem: typer is not installed: pip install 'nextitem[export]'\n"
