"""The function at several memory sizes, interleaved: cold starts, warm requests in bursts, memory, price.

    make build runtime-client
    python -m bench.function.memory_size [--rounds 10] [--json PATH]

Lambda gives a function one vCPU at 1,769 MB, and in proportion below and above. Here the worker of each size runs with
that CPU quota (`bench.function.cpu_quota`); its memory is not limited. Whether Lambda gives a starting function more
CPU is not documented; here it gets no more. Without a build it measures the source code. Needs root on Linux.
"""

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.random_model import random_artifact
from bench.common.results import write_json
from bench.common.timing import summary
from bench.function.cold_start import ITEMS
from bench.function.cpu_quota import cpu_quota
from bench.function.trees import Tree, chosen_trees
from devstack.stack import Stack
from model_export.cost import prices
from model_export.cost.estimate import VCPU_MB, billed_gigabyte_seconds

SIZES_MB = (512, 1024, VCPU_MB, 3008)
BURST = 100
"""Requests in a row: some 80 ms of work, so that a worker uses up its quota and waits."""
SESSIONS = 20
MILLION = 1_000_000
COLUMNS = ("MB", "vCPU", "RSS", "cold ms", "max", "warm ms", "p99", "$ per 10^6 warm", "$ per 1000 cold")


@dataclass
class Size:
    """A worker of one memory size, and the memory that it used."""

    memory_mb: int
    stack: Stack
    processes: Path
    resident_mb: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class SizeResult:
    """The results of one memory size: milliseconds, and US dollars at list price (x86_64).

    Attributes:
        memory_mb: of the function.
        vcpus: of that memory size.
        resident_mb: maximum resident set of a worker.
        cold_p50_ms: median from the spawn of a process to its first answer.
        cold_max_ms: the maximum.
        warm_p50_ms: median of a warm request inside the function.
        warm_p99_ms: the 99th percentile.
        million_requests: price of a million warm requests, duration and requests.
        thousand_cold_starts: price of the duration of a thousand cold starts.
    """

    memory_mb: int
    vcpus: float
    resident_mb: float
    cold_p50_ms: float
    cold_max_ms: float
    warm_p50_ms: float
    warm_p99_ms: float
    million_requests: float
    thousand_cold_starts: float


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="each round has a cold start and a burst of each size")
    arguments = parser.parse_args()
    (tree,) = chosen_trees(None)
    with _sizes(tree) as sizes:
        numbers = count()
        for _ in track(range(arguments.rounds + 1), "Memory sizes"):
            for size in sizes:
                for number in (next(numbers) for _ in range(BURST + 1)):
                    size.stack.invoke(_event(number))
                size.resident_mb.append(_resident_mb(size.processes))
                size.stack.retire_workers()
        rows = [_row(size) for size in sizes]
    _print(rows, f"{arguments.rounds} cold starts, {arguments.rounds * BURST} warm requests each, {tree.label}")
    write_json({"python": tree.label, "items": ITEMS, "rows": [asdict(row) for row in rows]}, arguments.json)


def size_result(memory_mb: int, cold_ms: Sequence[float], warm_ms: Sequence[float], resident_mb: float) -> SizeResult:
    """Summarise the measurements of a memory size, with its price."""
    cold, warm = summary(list(cold_ms)), summary(list(warm_ms))
    per_request = sum(billed_gigabyte_seconds(time, memory_mb) for time in warm_ms) / len(warm_ms)
    per_start = sum(billed_gigabyte_seconds(time, memory_mb) for time in cold_ms) / len(cold_ms)
    return SizeResult(
        memory_mb,
        round(memory_mb / VCPU_MB, 2),
        round(resident_mb, 1),
        round(cold.median, 1),
        round(max(cold_ms), 1),
        round(warm.median, 3),
        round(warm.p99, 3),
        round(MILLION * (prices.LAMBDA_REQUEST + per_request * prices.LAMBDA_GB_SECOND), 3),
        round(1000 * per_start * prices.LAMBDA_GB_SECOND, 5),
    )


def _row(size: Size) -> SizeResult:
    """Return the result of a size. The first round is left out: it warms up the disk, Valkey and the bucket."""
    cold = [start.answer_ms for start in size.stack.cold_starts[1:]]
    records: list[dict[str, Any]] = [json.loads(line) for line in size.stack.log_lines() if '"_aws"' in line]
    warm = [record["total_ms"] for record in records if "cold_import_ms" not in record][BURST:]
    return size_result(size.memory_mb, cold, warm, max(size.resident_mb))


def _event(number: int) -> bytes:
    event = {"item_id": f"item-{number % ITEMS:06}", "event_id": str(number)}
    return json.dumps({"operation": "append_events", "session_id": f"s{number % SESSIONS}", "events": [event]}).encode()


@contextmanager
def _sizes(tree: Tree) -> Iterator[list[Size]]:
    """Start one stack for each size, all with the same model."""
    with TemporaryDirectory() as folder, ExitStack() as running:
        artifact = random_artifact(ITEMS, Path(folder))
        sizes = []
        for memory_mb in SIZES_MB:
            processes = running.enter_context(cpu_quota(f"nextitem-{os.getpid()}-{memory_mb}", memory_mb / VCPU_MB))
            stack = Stack(
                tree.folder,
                artifact=artifact,
                max_workers=1,
                python=_limited_python(Path(folder) / f"python-{memory_mb}", tree.python, processes),
                settings=tree.settings | {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb)},
            )
            sizes.append(Size(memory_mb, running.enter_context(stack), processes))
        yield sizes


def _limited_python(script: Path, python: Path, processes: Path) -> Path:
    """Write a command that joins a control group and becomes Python."""
    script.write_text(f'#!/bin/sh\necho $$ > {shlex.quote(str(processes))}\nexec {shlex.quote(str(python))} "$@"\n')
    script.chmod(0o700)
    return script


def _resident_mb(processes: Path) -> float:
    """Return the maximum resident set of a process in a control group, the largest of all."""
    lines = [
        line
        for process in processes.read_text().split()
        for line in Path(f"/proc/{process}/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return max(int(line.split()[1]) for line in lines) / 1024


def _print(rows: Sequence[SizeResult], title: str) -> None:
    table = Table(*COLUMNS, title=title)
    for row in rows:
        table.add_row(
            f"{row.memory_mb:,}",
            f"{row.vcpus:.2f}",
            f"{row.resident_mb:.0f}",
            f"{row.cold_p50_ms:.0f}",
            f"{row.cold_max_ms:.0f}",
            f"{row.warm_p50_ms:.2f}",
            f"{row.warm_p99_ms:.1f}",
            f"{row.million_requests:.2f}",
            f"{row.thousand_cold_starts:.4f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
