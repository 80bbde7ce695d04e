"""The imports of the serving library: each costs milliseconds of a cold start, so heavy packages are refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
HEAVY = ("boto3", "duckdb", "moto", "onnx", "pandas", "pydantic", "rich", "torch", "typer")
PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
print("\\n".join(sys.modules))
"""


def loaded_by(module: str) -> set[str]:
    """Modules that a fresh process has loaded after importing one."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM, module]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(FUNCTIONS)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "nextitem.service.recommender",
        "nextitem.sessions.valkey_store",
        "nextitem.aws.object_store",
        "nextitem.telemetry.record",
    ],
)
def test_the_request_path_imports_nothing_heavy(module: str) -> None:
    loaded = loaded_by(module)
    assert module in loaded
    assert loaded & {*HEAVY, "nextitem.aws.boto_object_store", "nextitem.registry.publisher"} == set()
    # Powertools looks whether botocore is there by importing its top module; a client would load this one.
    assert "botocore.client" not in loaded


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("nextitem.sessions.session", {"redis", "onnxruntime", "obstore"}),
        ("nextitem.model.engine", {"redis", "obstore", "aws_lambda_powertools"}),
        ("nextitem.sessions.valkey_store", {"redis", "ssl", "onnxruntime", "obstore", "aws_lambda_powertools"}),
        ("nextitem.registry.reader", {"redis", "onnxruntime", "aws_lambda_powertools"}),
    ],
)
def test_rooms_do_not_know_each_other_s_libraries(module: str, without: set[str]) -> None:
    assert loaded_by(module) & without == set()
