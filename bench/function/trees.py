"""The trees of function code that a benchmark measures, and the interpreter that runs each.

A tree is source code, or an artifact that `make build` made: the artifact holds its own packages and needs Lambda's
Python.
"""

import re
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devstack.stack import FUNCTIONS_DIRECTORY

BUILT = Path(".aws-sam/build/RecommendFunction")
RUNTIME = Path(".build/runtime313")
OURS = "recommend"


@dataclass(frozen=True)
class Tree:
    """One folder of function code.

    Attributes:
        name: what tables call it.
        folder: the function's CodeUri.
        python: the interpreter of its workers.
        search_path: what their `PYTHONPATH` must hold; empty where the interpreter has all packages.
        is_built: whether it is an artifact.
    """

    name: str
    folder: Path
    python: Path = field(default_factory=lambda: Path(sys.executable))
    search_path: tuple[Path, ...] = ()
    is_built: bool = False

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables that its workers need."""
        return {"PYTHONPATH": ":".join(map(str, self.search_path))} if self.search_path else {}

    @property
    def label(self) -> str:
        """Name of the code and the interpreter, for reports."""
        return "the build, Python 3.13" if self.is_built else "source code, this Python"


def add_tree_option(parser: ArgumentParser) -> None:
    """Add `--functions-dir NAME=DIR` to a command."""
    parser.add_argument(
        "--functions-dir",
        action="append",
        type=_parse,
        metavar="NAME=DIR",
        help="a folder of function code, for example before=../old/functions; repeat it to compare several in one run",
    )


def chosen_trees(chosen: Sequence[Tree] | None) -> list[Tree]:
    """Return the trees of the command line, or else this project's: the built artifact, or the source without one.

    Raises:
        SystemExit: the artifact was built from other sources.
    """
    if chosen:
        return list(chosen)
    python = _lambda_python()
    if python is None or not BUILT.is_dir():
        return [Tree(OURS, FUNCTIONS_DIRECTORY)]
    if changed := changed_since(BUILT, FUNCTIONS_DIRECTORY):
        raise SystemExit(f"{BUILT} was built from other sources ({changed}): run `make build`, or remove it")
    return [_built(OURS, BUILT, python)]


def changed_since(build: Path, source: Path) -> str:
    """Return the first difference of an artifact from the function's source folder; empty if there is none."""
    for pin in re.findall(r"(?m)^([\w.-]+==[\w.]+)", (source / "requirements.txt").read_text("ascii")):
        name, version = pin.split("==")
        if not (build / f"{name.replace('-', '_')}-{version}.dist-info").is_dir():
            return f"requirements.txt: {pin}"
    shipped = [path for pattern in ("*.py", "nextitem/**/*.*") for path in source.glob(pattern)]
    for path in (path for path in shipped if path.parent.name != "__pycache__"):
        copy = build / path.relative_to(source)
        if not copy.is_file() or copy.read_bytes() != path.read_bytes():
            return str(path.relative_to(source))
    return ""


def _parse(text: str) -> Tree:
    name, _, folder = text.partition("=")
    directory = Path(folder).resolve()
    if not name or not (directory / "recommend.py").is_file():
        raise ArgumentTypeError(f'"{text}" is not NAME=DIR with a folder that holds recommend.py')
    if not (directory / "onnxruntime").is_dir():
        return Tree(name, directory)
    python = _lambda_python()
    if python is None:
        raise ArgumentTypeError(f"{directory} was built for Lambda's Python: run `make runtime-client` first")
    return _built(name, directory, python)


def _built(name: str, folder: Path, python: Path) -> Tree:
    return Tree(name, folder.resolve(), python, (RUNTIME.resolve(),), is_built=True)


def _lambda_python() -> Path | None:
    """Return the path of Python 3.13; None where it or its runtime client is missing."""
    script = Path("devstack/build/python313.sh").resolve()
    result = subprocess.run([script], capture_output=True, text=True, check=False)
    return None if result.returncode or not RUNTIME.is_dir() else Path(result.stdout.strip())
