"""Build the deployable function as `sam build` does, without sam."""

import fcntl
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


def build_learning(artifact: Path, python313: Path) -> Path:
    """Build the functions of the learning loop into `artifact`, which must not exist yet."""
    artifact.mkdir()
    makefile = f"--file={FUNCTIONS / 'Makefile'}"
    make("--silent", makefile, "build-CollectFunction", ARTIFACTS_DIR=str(artifact), PYTHON313=str(python313))
    return artifact


def make(*arguments: str, **variables: str) -> None:
    """Run make in the root of the project, without the variables of an outer make.

    Test processes that make something wait for each other: two of them may need the same target.
    """
    lock = ROOT / ".build" / "tests.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        subprocess.run(["make", *arguments], cwd=ROOT, env=without_outer_make() | variables, check=True)  # noqa: S607 - make of PATH


def without_outer_make() -> dict[str, str]:
    """Return the environment variables that an outer make did not set for a make inside it."""
    outer_make = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCHITECTURE"}
    return {name: value for name, value in os.environ.items() if name not in outer_make}
