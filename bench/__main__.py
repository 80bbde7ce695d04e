"""Run all benchmarks whose figures the documents quote, then draw the plots: `make bench`, half an hour or more.

Each benchmark is a command of its own (`--list` names them) and writes its raw figures to `bench/results/`.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench.smoke import run_small

RESULTS = Path("bench/results")
ENGINES = ((10_000, 256, 0.999), (40_000, 256, 0.999), (100_000, 256, 0.999), (1_000_000, 256, 0.999))
"""Items, hidden size, and minimum overlap of the chosen scheme."""
LARGE_ENGINES = (
    (5_000_000, 128, 0.999, ("truncated-96", "ivf-4", "ivf-7", "ivf-10")),
    (20_000_000, 96, 0.99, ("ivf-0.5", "ivf-1")),
)
"""The same, and the schemes: the files of all of them must fit into memory beside each other."""


def commands(*, large: bool) -> list[list[str]]:
    """Return the module and options of each benchmark.

    Args:
        large: include catalogues of 5 and 20 million items; they need some 20 GB of memory and of disk, and peers
            would need more.
    """
    engines = [_engine(*sizes) for sizes in ENGINES]
    if large:
        engines += [
            [*_engine(items, hidden, overlap), "--no-peers", "--schemes", *schemes]
            for items, hidden, overlap, schemes in LARGE_ENGINES
        ]
    others = [
        ["bench.engine.amx"],
        ["bench.engine.vocabulary", "--items", "20000000" if large else "1000000"],
        ["bench.function.shared_memory"],
        ["bench.function.cold_start"],
        ["bench.function.import_time"],
        ["bench.function.memory_size"],
        ["bench.function.warm"],
        ["bench.store.window_effect"],
        ["bench.store.contention"],
        ["bench.load"],
        ["bench.serve", "--profile"],
        ["bench.engine.floor"],
        ["bench.engine.filters"],
        ["bench.engine.session_memory"],
        ["bench.training.throughput"],
        ["bench.cold_items"],
        ["bench.experiments"],
        ["bench.engine.cost"],
    ]
    return [[*command, "--json", str(RESULTS / f"{_name(command)}.json")] for command in (*engines, *others)]


def main() -> None:
    """Run all benchmarks, then name those that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="only print the commands")
    parser.add_argument("--small", action="store_true", help="without the catalogues of 5 and 20 million items")
    parser.add_argument("--smoke", action="store_true", help="run every benchmark at a small size, only to see it work")
    arguments = parser.parse_args()
    if arguments.smoke:
        _smoke()
        return
    chosen = [*commands(large=not arguments.small), ["bench.plots"]]
    if arguments.list:
        for command in chosen:
            print("python -m", *command)
        return
    failed = []
    for number, command in enumerate(chosen, start=1):
        Console().rule(f"{number} of {len(chosen)}: {' '.join(command)}")
        if subprocess.run([sys.executable, "-m", *command], check=False).returncode:
            failed.append(command[0])
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _smoke() -> None:
    failed = []
    with TemporaryDirectory() as scratch:
        for outcome in run_small(Path(scratch)):
            print(f"exit {outcome.status}  {outcome.seconds:5.1f} s  {outcome.command}", flush=True)
            if outcome.status:
                print(outcome.output, flush=True)
                failed.append(outcome.command)
    if failed:
        raise SystemExit("\n".join(["failed:", *failed]))


def _engine(items: int, hidden: int, overlap: float) -> list[str]:
    return ["bench.engine.latency", "--catalogue", str(items), "--hidden", str(hidden), "--overlap", str(overlap)]


def _name(command: list[str]) -> str:
    name = command[0].removeprefix("bench.").replace(".", "-")
    return f"{name}-{command[2]}x{command[4]}" if name == "engine-latency" else name


if __name__ == "__main__":
    main()
