"""What a function that looks at experiments must have."""

import os
import subprocess
import sys

import pytest

from tests.building import ROOT

LARGE = ("torch", "pandas", "pyarrow", "ibis", "rich", "typer", "scipy")
CODE = f"""
import sys, model_export.experiments.lifecycle, model_export.experiments.cloudwatch
print(*{{name.partition(".")[0] for name in sys.modules}} & set({LARGE}))
"""


@pytest.mark.slow
def test_a_function_that_looks_needs_no_torch_and_no_console() -> None:
    # A Lambda function has DuckDB, numpy, ONNX Runtime and boto3
    path = os.pathsep.join(str(ROOT / folder) for folder in (".", "functions"))
    environment = os.environ | {"PYTHONPATH": path}
    run = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
