"""The artifact that functions/Makefile builds: complete, lean and reproducible."""

import importlib.util
import subprocess
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from devstack.build.artifact import describe, objections
from tests.building import FUNCTIONS, build

UNCHECKED_HASH = b"\1\0\0\0"
"""Flags of a .pyc that Python loads without checking its source (PEP 552)."""
MAGIC_OF_3_13 = (3571).to_bytes(2, "little") + b"\r\n"

SERVES = """
import sys
sys.path.insert(0, sys.argv[1])
import msgspec, numpy, obstore.store, onnxruntime
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

import lambda_events, nextitem.aws.object_store, nextitem.service.recommender, nextitem.registry.reader
import nextitem.redis_client.sentinel, nextitem.settings, nextitem.telemetry.record

Logger(service="nextitem").info("started")
metrics = Metrics(namespace="nextitem", service="nextitem")
metrics.add_metric("started", MetricUnit.Count, 1)
metrics.flush_metrics()
model = onnxruntime.InferenceSession(sys.argv[2])
print(model.run(None, {"x": numpy.ones(2, numpy.float32)})[0].tolist())
"""


@pytest.mark.slow
def test_two_builds_are_byte_identical(built_function: Path, python313: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "made-elsewhere-and-later", python313)

    assert describe(again) == describe(built_function)


@pytest.mark.slow
def test_lambda_accepts_its_size_and_processor(built_function: Path) -> None:
    assert objections(describe(built_function), "x86_64") == []


@pytest.mark.slow
def test_all_imports_work_without_other_packages(built_function: Path, python313: Path, tmp_path: Path) -> None:
    vectors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", vectors[:1], vectors[1:])
    model = tmp_path / "double.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), model)

    served = subprocess.run(
        [python313, "-B", "-I", "-S", "-c", SERVES, built_function, model], capture_output=True, text=True, check=False
    )

    assert served.returncode == 0, served.stderr
    assert served.stdout.splitlines()[-1] == "[2.0, 2.0]"


@pytest.mark.slow
def test_every_module_is_compiled_and_loads_without_a_check_of_its_source(built_function: Path) -> None:
    sources = list(built_function.rglob("*.py"))
    assert sources

    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        head = compiled.read_bytes()[:8]

        assert head == MAGIC_OF_3_13 + UNCHECKED_HASH, source


@pytest.mark.slow
def test_every_file_of_the_function_is_in_it(built_function: Path) -> None:
    sources = [*FUNCTIONS.glob("*.py"), *(FUNCTIONS / "nextitem").rglob("*")]
    files = [path for path in sources if path.is_file() and "__pycache__" not in path.parts]

    for path in files:
        assert (built_function / path.relative_to(FUNCTIONS)).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_no_tools_or_tests_are_in_it(built_function: Path) -> None:
    names = {path.name for path in built_function.rglob("*")}

    assert names & {"tests", "bin", "f2py", "transformers", "quantization", "RECORD", "Makefile"} == set()


def test_the_magic_number_above_has_pythons_format() -> None:
    assert len(importlib.util.MAGIC_NUMBER) == len(MAGIC_OF_3_13)
    assert importlib.util.MAGIC_NUMBER[2:] == MAGIC_OF_3_13[2:]
