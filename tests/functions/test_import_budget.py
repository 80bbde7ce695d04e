"""The imports of a cold start: only packages that the function is deployed with, and no heavy ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.processes.children import free_port

FUNCTIONS = Path(__file__).parents[2] / "functions"
HEAVY = {"aiohttp", "boto3", "botocore", "duckdb", "onnx", "pandas", "pyarrow", "pydantic", "rich", "torch", "typer"}
ALLOWED = {
    "aws_lambda_powertools",
    "hiredis",
    "jmespath",
    "msgspec",
    "numpy",
    "obstore",
    "onnxruntime",
    "redis",
    "typing_extensions",
}
"""Every third-party package that may be loaded: each has cost its milliseconds and is worth them."""

PROBED = {"botocore", "cryptography", "cryptography.__about__"}
"""Powertools looks whether these packages are there: their nearly empty top modules (0.3 ms each)."""

LIST_MODULES = """
import sys
sys.modules["opentelemetry"] = None  # not deployed; redis-py imports it where it is installed
before = set(sys.modules)
import recommend
for name in sorted(set(sys.modules) - before):
    sys.stderr.write(f"{name} {getattr(sys.modules[name], '__file__', None)}\\n")
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Modules that a fresh process has loaded after `import recommend`, and their files."""
    nowhere = f"127.0.0.1:{free_port()}"
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(FUNCTIONS),
        "NEXTITEM_BUCKET": "nowhere",
        "NEXTITEM_STORE_URL": f"redis://{nowhere}/0",
        "NEXTITEM_KEY_SECRET": "a secret of the tests",
        "NEXTITEM_MODEL_DIR": str(tmp_path_factory.mktemp("models")),
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_ENDPOINT_URL_S3": f"http://{nowhere}",
    }
    command = [sys.executable, "-c", LIST_MODULES]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return dict(line.split(" ", 1) for line in ran.stderr.splitlines())


def third_party(loaded: dict[str, str]) -> set[str]:
    """Return the installed top-level packages that were loaded, without those that are only looked up."""
    return {name.partition(".")[0] for name, file in loaded.items() if "site-packages" in file and name not in PROBED}


@pytest.mark.slow
def test_nothing_heavy_is_imported(loaded: dict[str, str]) -> None:
    assert {"recommend", "nextitem.service.recommender", "onnxruntime"} <= loaded.keys()

    assert {name for name in loaded.keys() - PROBED if name.partition(".")[0] in HEAVY} == set()


def test_the_snapstart_hooks_are_not_imported(loaded: dict[str, str]) -> None:
    assert loaded.keys() & {"snapshot_restore_py", "http.client", "urllib.request"} == set()


def test_the_catalogue_and_its_filters_are_not_imported(loaded: dict[str, str]) -> None:
    # A first answer needs the join of catalogue and model only; these took 2 of 14 ms.
    unwanted = {
        f"nextitem.catalogue.{name}" for name in ("aligned", "columns", "expressions", "file", "filters", "masks")
    }
    assert "nextitem.catalogue.join" in loaded
    assert loaded.keys() & {*unwanted, "nextitem.service.steering.mmr"} == set()


def test_clients_of_redis_that_no_request_uses_are_not_imported(loaded: dict[str, str]) -> None:
    unwanted = {
        *("redis.client", "redis.asyncio", "redis.cluster", "redis.commands", "redis.sentinel"),
        *("importlib.abc", "zipfile"),
    }
    assert "redis.connection" in loaded
    assert loaded.keys() & unwanted == set()


def test_every_package_that_is_imported_was_chosen(loaded: dict[str, str]) -> None:
    assert third_party(loaded) == ALLOWED


def test_every_package_that_is_imported_is_deployed() -> None:
    pins = re.findall(r"(?m)^([\w-]+)==", (FUNCTIONS / "requirements.txt").read_text())

    assert {pin.replace("-", "_") for pin in pins} == ALLOWED
