"""Builds the deployable function as `sam build` does, without sam. Knows the Makefile of functions/ and no test."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"


def build(artifact: Path, python313: Path) -> Path:
    """Build the function into `artifact`, which must not exist yet."""
    artifact.mkdir()
    make(
        "--silent",
        f"--directory={FUNCTIONS}",
        "build-RecommendFunction",
        ARTIFACTS_DIR=str(artifact),
        PYTHON313=str(python313),
    )
    return artifact


def make(*arguments: str, **variables: str) -> None:
    """Run make in the root, as if no other make had started this process."""
    outer_make = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCHITECTURE"}
    environment = {name: value for name, value in os.environ.items() if name not in outer_make}
    subprocess.run(["make", *arguments], cwd=ROOT, env=environment | variables, check=True)  # noqa: S607
