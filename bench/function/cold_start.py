"""Cold starts, one at a time and interleaved: from the spawn of a worker process to its first answer.

`recommend` is what `make build` made, under Lambda's Python, or the source tree where that is not there; it starts with
a model of 10 MB. Beside it `floor_numpy_onnxruntime`, which imports these two and does nothing, and `naive`, the same
service as most would begin it (`bench/cold_functions`), under the same Python. S3 (moto) and Valkey are on loopback.
`make build runtime-client`, then `python -m bench.function.cold_start [--rounds 20 --json PATH]`
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.common.results import write_json
from bench.common.timing import summary
from bench.function.warm import random_artifact
from devstack.stack import FUNCTIONS_DIRECTORY, Stack

ITEMS = 75_000
"""Of hidden size 128: some 10 MB."""
BUILT = Path(".aws-sam/build/RecommendFunction")
RUNTIME = Path(".build/runtime313")
NAIVE_PACKAGES = Path(".build/naive313")
NAIVE_REQUIREMENTS = ("aws-lambda-powertools[tracer]", "boto3", "numpy", "onnxruntime", "pydantic", "redis")
CONTENDERS = Path(__file__).parent / "cold_functions"
OURS, FLOOR, NAIVE = "recommend", "floor_numpy_onnxruntime", "naive"
EVENT = {"operation": "append_events", "session_id": "s", "events": [{"item_id": "item-000001"}]}
PHASES = ("process_start", "import", "model_load", "first_request")


@dataclass(frozen=True)
class Row:
    """One function's cold starts, in milliseconds; `phases` are those that it measures itself, medians."""

    function: str
    p50_ms: float
    p99_ms: float
    times_floor: float
    phases: dict[str, float]


@dataclass(frozen=True)
class Python:
    """An interpreter, and where a worker finds what it imports, by function."""

    label: str
    executable: Path
    ours: Path
    paths: dict[str, str]


SOURCE = Python("the source tree, this Python", Path(sys.executable), FUNCTIONS_DIRECTORY, {})


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--source", action="store_true", help="measure the source tree, even if there is a build")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    arguments = parser.parse_args()
    python = SOURCE if arguments.source else built() or SOURCE
    if python.paths:
        _install_naive(python.executable)
    with _stacks(python) as stacks:
        for _ in track(range(arguments.rounds + 1), "Cold starts"):
            for stack in stacks.values():
                stack.invoke(json.dumps(EVENT).encode())
                stack.retire_workers()
        floor = summary([start.answer_ms for start in stacks[FLOOR].cold_starts[1:]]).median
        rows = [_row(name, stack, floor) for name, stack in stacks.items()]
    table = Table("", "median ms", "p99 ms", "times the floor", *PHASES, title=f"{arguments.rounds}, {python.label}")
    for row in rows:
        phases = [f"{row.phases[name]:.0f}" if name in row.phases else "" for name in PHASES]
        table.add_row(row.function, f"{row.p50_ms:.0f}", f"{row.p99_ms:.0f}", f"{row.times_floor:.2f}", *phases)
    Console().print(table)
    if arguments.json:
        write_json({"python": python.label, "rows": [asdict(row) for row in rows]}, arguments.json)


def _row(name: str, stack: Stack, floor: float) -> Row:
    whole = summary([start.answer_ms for start in stack.cold_starts[1:]])
    records = [json.loads(line) for line in stack.log_lines() if '"cold_import_ms"' in line][1:]
    phases = {
        phase: round(summary([record[f"cold_{phase}_ms"] for record in records]).median, 1)
        for phase in (PHASES if records else ())
    }
    return Row(name, round(whole.median, 1), round(whole.p99, 1), round(whole.median / floor, 3), phases)


@contextmanager
def _stacks(python: Python) -> Iterator[dict[str, Stack]]:
    """Start one stack for each function, all with the same model."""
    handlers = {OURS: "recommend.handler", FLOOR: "floor.handler", NAIVE: "naive.handler"}
    folders = {OURS: python.ours, FLOOR: CONTENDERS / "floor", NAIVE: CONTENDERS / "naive"}
    with TemporaryDirectory() as folder, ExitStack() as running:
        artifact = random_artifact(ITEMS, Path(folder))
        yield {
            name: running.enter_context(
                Stack(
                    folders[name],
                    artifact=artifact,
                    max_workers=1,
                    handler=handler,
                    python=python.executable,
                    settings={"PYTHONPATH": python.paths[name]} if python.paths else {},
                )
            )
            for name, handler in handlers.items()
        }


def built() -> Python | None:
    """Return Lambda's Python with what was built for it; None where one of them is missing."""
    found = subprocess.run([Path("devstack/build/python313.sh").resolve()], capture_output=True, text=True, check=False)
    if found.returncode or not BUILT.is_dir() or not RUNTIME.is_dir():
        return None
    ours, runtime = str(BUILT.resolve()), str(RUNTIME.resolve())
    paths = {OURS: runtime, FLOOR: f"{runtime}:{ours}", NAIVE: f"{runtime}:{NAIVE_PACKAGES.resolve()}"}
    return Python("the build, Python 3.13", Path(found.stdout.strip()), BUILT, paths)


def _install_naive(executable: Path) -> None:
    if not NAIVE_PACKAGES.is_dir():
        target = ["--target", str(NAIVE_PACKAGES), *NAIVE_REQUIREMENTS]
        install = [str(executable), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *target]
        subprocess.run(install, check=True)


if __name__ == "__main__":
    main()
