"""Plant each fault of the list in a copy of the tree, run its tests, and print how many faults they find."""

import argparse
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.planted_faults.catalogue import ROOT, Fault, plant, read_faults

GOAL = 0.95
"""Minimum share of the faults that the tests must find."""
TIMEOUT_SECONDS = 300
"""A fault that makes its tests hang is found."""
POLL_SECONDS = 0.02
"""Between two looks at the processes: `os.waitpid` for several takes no time limit."""
PRELOADED = ("boto3", "hypothesis", "hypothesis.strategies", "moto.server", "numpy", "redis")
"""Libraries that are imported once, not for each fault: most of a short run would be their import."""
OPTIONS = (
    *("-q", "-x"),
    *("-p", "no:cacheprovider", "-p", "no:anyio", "-p", "no:xdist"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of preloaded libraries
)
"""pytest's: stop at the first failure, and load no plugin that the tests do not need."""
_PASSED, _FOUND, _NO_TESTS = 0, {1, 2}, 5
"""Exit statuses of pytest; found: a test failed, or a module could not be imported."""


def main(arguments: list[str]) -> int:
    """Print the score and what became of each fault; return 1 if the score is below the goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted_faults", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="only the faults of files whose path has this text")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many faults to try at a time")
    options = parser.parse_args(arguments)
    faults = [fault for fault in read_faults() if options.only in fault.file]
    for fault in faults:
        plant(fault, (ROOT / fault.file).read_text())
    for name in PRELOADED:
        importlib.import_module(name)
    found = 0
    with TemporaryDirectory() as folder:
        intact = copy_tree(Path(folder) / "intact")
        refuse_failing_tests(intact, faults)
        trees = [Path(folder) / str(number) for number in range(options.jobs)]
        for tree in trees:
            shutil.copytree(intact, tree)  # with the bytecode that the tests left
        for fault, is_found in outcomes(faults, trees):
            print("found" if is_found else "survives", fault, flush=True)
            found += is_found
    score = found / len(faults)
    print(f"{found} of {len(faults)} planted faults are found: {score:.1%}")
    return int(score < GOAL)


def copy_tree(folder: Path) -> Path:
    """Copy what git does not ignore, and return the copy's folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def refuse_failing_tests(tree: Path, faults: list[Fault]) -> None:
    """End the command if a test fails without any fault: it would find them all."""
    pid = start_tests(tree, sorted({test for fault in faults for test in fault.tests}))
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != _PASSED:
        sys.exit("tests fail without a planted fault; mend them first")


def outcomes(faults: list[Fault], trees: list[Path]) -> Iterator[tuple[Fault, bool]]:
    """Try the faults, one in each tree at a time, and return each with whether its tests fail."""
    waiting, running, deadlines = faults[::-1], dict[int, tuple[Fault, Path]](), dict[int, float]()
    while waiting or running:
        while waiting and trees:
            fault, tree = waiting.pop(), trees.pop()
            path = tree / fault.file
            path.write_text(plant(fault, (ROOT / fault.file).read_text()))
            os.utime(path, (len(waiting), len(waiting)))  # bytecode stands for its source's time and size
            pid = start_tests(tree, list(fault.tests))
            running[pid] = fault, tree
            deadlines[pid] = time.monotonic() + TIMEOUT_SECONDS
        pid, status = wait_for_any(running, deadlines)
        fault, tree = running.pop(pid)
        del deadlines[pid]
        shutil.copy2(ROOT / fault.file, tree / fault.file)
        trees.append(tree)
        code = os.waitstatus_to_exitcode(status)
        yield fault, is_found(fault, code)


def wait_for_any(running: Iterable[int], deadlines: Mapping[int, float]) -> tuple[int, int]:
    """Return the id and the status of a process that has ended; one whose time is over is killed first.

    An alarm within the process is not enough: a test or a plugin may replace it, or end it.
    """
    while True:
        for pid in running:
            if time.monotonic() >= deadlines[pid]:
                os.kill(pid, signal.SIGKILL)
                return os.waitpid(pid, 0)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return ended, status
        time.sleep(POLL_SECONDS)


def is_found(fault: Fault, code: int) -> bool:
    """Return what the exit status of a fault's tests means; end the command if pytest itself has failed.

    A negative status is a signal's: time ran out (SIGKILL), or a library ended the process (ONNX Runtime: SIGABRT).
    """
    if code > _PASSED and code not in _FOUND:
        sys.exit(f"pytest ended with status {code} for {fault}")
    return code != _PASSED


def start_tests(tree: Path, tests: list[str]) -> int:
    """Start a process that runs test modules up to the first failure, slow tests last, and return its id."""
    if pid := os.fork():
        return pid
    code = 3
    try:
        os.chdir(tree)
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]  # they are the intact tree's
        sys.path[:] = [str(tree / "functions"), str(tree), *(entry for entry in sys.path if Path(entry) != ROOT)]
        os.environ |= {
            "PYTHONPATH": f"{tree / 'functions'}:{tree}",
            "CI": "true",  # Hypothesis then tries the same examples in each run
        }
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = int(pytest.main([*OPTIONS, "-m", "not slow", *tests]))
        if code in {_PASSED, _NO_TESTS}:
            slow = int(pytest.main([*OPTIONS, "-m", "slow", *tests]))
            code = code if slow == _NO_TESTS else slow
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
