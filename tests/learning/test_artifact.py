"""The artifact of the learning loop's functions: complete, lean, reproducible, and within Lambda's limits."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from devstack.build.artifact import describe, objections
from tests.building import build_learning

pytestmark = pytest.mark.slow

IMPORTS = """
import sys
sys.path.insert(0, sys.argv[1])
for module in sys.argv[2:]:
    __import__(f"learning.{module}")
imported = {name.partition(".")[0] for name in sys.modules}
print(sorted(imported & {"torch", "pandas", "pyarrow", "onnx", "ibis", "typer"}))
"""
OF_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "dateutil", "urllib3", "six")
"""What Lambda's runtime has: boto3 and its dependencies, which are plain Python."""


@pytest.fixture(scope="module")
def built(python313: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_learning(tmp_path_factory.mktemp("build") / "artifact", python313)


def test_two_builds_are_byte_identical(built: Path, python313: Path, tmp_path: Path) -> None:
    assert describe(build_learning(tmp_path / "again", python313)) == describe(built)


def test_lambda_accepts_its_size_and_processor(built: Path) -> None:
    assert objections(describe(built), "x86_64") == []


def test_its_functions_import_without_other_packages(built: Path, python313: Path, tmp_path: Path) -> None:
    # GIVEN the artifact, and what Lambda's runtime has
    for name in OF_THE_RUNTIME:
        found = find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        installed = origin.parent if origin.stem == "__init__" else origin
        (tmp_path / installed.name).symlink_to(installed)
    modules = sorted(path.stem for path in (built / "learning").glob("*.py") if path.stem != "__init__")

    # WHEN every module is imported
    program = f"import sys; sys.path.append({str(tmp_path)!r})\n{IMPORTS}"
    command = [str(python313), "-B", "-I", "-S", "-c", program, str(built), *modules]
    imported = subprocess.run(command, capture_output=True, text=True, check=False)

    # THEN nothing is missing, and nothing of a training run is there
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.splitlines()[-1] == "[]"
