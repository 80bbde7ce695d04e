"""Plant each fault of the list in a copy of the tree, run its tests, and print how many faults they find."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from tests.planted_faults.catalogue import ROOT, Fault, plant, read_faults

GOAL = 0.95
"""The least share of the faults that the tests must find."""
JOBS = 2
TIMEOUT_SECONDS = 600
"""A fault that makes its tests hang is found."""
_PASSED, _FAILED, _NOT_COLLECTED = 0, 1, 2
"""Exit statuses of pytest. Others mean that it ran no tests."""


def main(arguments: list[str]) -> int:
    """Print the score and each fault that no test finds; return 1 if the score is below the goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted_faults", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="only the faults of files whose path has this text")
    faults = [fault for fault in read_faults() if parser.parse_args(arguments).only in fault.file]
    for fault in faults:
        plant(fault, (ROOT / fault.file).read_text())
    with TemporaryDirectory() as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(JOBS):
            trees.put(copy_tree(Path(folder) / str(number)))
        with ThreadPoolExecutor(JOBS) as pool:
            refuse_failing_tests(trees, faults)
            survivors = [
                fault
                for fault, is_found in zip(faults, pool.map(lambda fault: find(trees, fault), faults), strict=True)
                if not is_found
            ]
    score = 1 - len(survivors) / len(faults)
    print(f"{len(faults) - len(survivors)} of {len(faults)} planted faults are found: {score:.1%}")
    return int(score < GOAL)


def copy_tree(folder: Path) -> Path:
    """Copy what git does not ignore, with what tests build, and return the copy's folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def refuse_failing_tests(trees: "SimpleQueue[Path]", faults: Iterable[Fault]) -> None:
    """End the command if a test fails without any fault: it would find them all."""
    tree = trees.get()
    if run_tests(tree, sorted({test for fault in faults for test in fault.tests})) != _PASSED:
        sys.exit("tests fail without a planted fault; mend them first")
    trees.put(tree)


def find(trees: "SimpleQueue[Path]", fault: Fault) -> bool:
    """Plant a fault in a free tree, and return whether its tests fail."""
    tree = trees.get()
    path = tree / fault.file
    text = path.read_text()
    path.write_text(plant(fault, text))
    status = run_tests(tree, fault.tests)
    path.write_text(text)
    trees.put(tree)
    if status not in {_PASSED, _FAILED, _NOT_COLLECTED}:
        raise SystemExit(f"pytest ended with status {status} for {fault}")
    print("survives" if status == _PASSED else "found", fault, flush=True)
    return status != _PASSED


def run_tests(tree: Path, tests: Iterable[str]) -> int:
    """Run test modules up to the first failure, and return pytest's exit status."""
    # A .pyc is as good as its source's second and size, and faults change neither.
    environment = os.environ | {
        "PYTHONPATH": f"{tree / 'functions'}:{tree}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "true",  # Hypothesis then tries the same examples in each run
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return _FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
