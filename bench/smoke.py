"""Run every benchmark at a small size, to find those that break; the figures mean nothing: `make bench ARGS=--smoke`.

Nothing is left in `bench/results` and `docs/plots`. The benchmark with a quota of CPU time needs root, and is left out
without. So is the drill always: its small story takes minutes (`python -m bench.drill --small`).
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from model_export.simulator import Shop
from model_export.simulator.files import write_events

JOBS = 2
"""Benchmarks at a time: most of a small one is the import of its libraries."""
SESSIONS = 300
HIDDEN = 32
CATALOGUE = ("--catalogue", "5000", "--hidden", f"{HIDDEN}", "--trained-on", f"{SESSIONS}")
FIRST = {
    "bench.engine.latency": (
        *CATALOGUE,
        "--rounds",
        "20",
        "--schemes",
        "8-bit",
        "--json",
        "RESULTS/engine-latency-small.json",
    )
}
"""Benchmarks whose results others read. RESULTS, EVENTS and RUN stand for the paths of small inputs."""
SMALL: dict[str, tuple[str, ...]] = {
    "bench.chaos": ("--only", "SCRIPT FLUSH", "--sessions", "20", "--json", "RESULTS/chaos.json"),
    "bench.catalogue": (
        *("--items", "5000", "--hidden", f"{HIDDEN}", "--trained-on", f"{SESSIONS}"),
        *("--scheme", "8-bit", "--rounds", "10"),
    ),
    "bench.catalogue.build": ("--items", "2000"),
    "bench.cold_items": ("--only", "simulator", "--sessions", "1500", "--epochs", "1", "--targets", "50"),
    "bench.drift": ("--windows", "2"),
    "bench.engine.amx": ("--items", "12800"),
    "bench.engine.cost": ("--results", "RESULTS"),
    "bench.engine.filters": (*CATALOGUE, "--rounds", "20", "--scheme", "8-bit"),
    "bench.engine.floor": (*CATALOGUE, "--rounds", "20"),
    "bench.engine.nodes": (*CATALOGUE, "--rounds", "20", "--scheme", "8-bit"),
    "bench.engine.overlap": ("RUN",),
    "bench.engine.session_memory": (*CATALOGUE, "--rounds", "20", "--sessions", "500"),
    "bench.engine.similar": ("RUN", "--train", "EVENTS", "--test", "EVENTS", "--scheme", "fp32"),
    "bench.engine.vocabulary": ("--items", "2000"),
    "bench.experiments": ("--experiments", "5"),
    "bench.experiments.assignment": ("--experiments", "20"),
    "bench.function.cold_start": ("--rounds", "1"),
    "bench.function.http_servers": ("--requests", "50", "--rounds", "1"),
    "bench.function.import_time": ("--rounds", "1"),
    "bench.function.memory_size": ("--rounds", "1"),
    "bench.function.metrics_cost": ("--rounds", "3"),
    "bench.function.shared_memory": ("--items", "20000", "--processes", "1", "2"),
    "bench.function.traces_cost": ("--rounds", "3"),
    "bench.function.warm": ("--items", "2000", "--rounds", "20"),
    "bench.load": ("--steps", "1"),
    "bench.serve": (
        *("--items", "2000", "--seconds", "0.5", "--steps", "2", "--scheme", "8-bit"),
        *("--json", "RESULTS/serve.json"),
    ),
    "bench.plots": ("--results", "RESULTS", "--out", "RESULTS"),
    "bench.store.append_script": ("--rounds", "10"),
    "bench.store.contention": ("--clients", "4", "--events", "200"),
    "bench.store.interleaving": ("--rounds", "10", "--items", "2000"),
    "bench.store.lake": ("--rounds", "10"),
    "bench.store.trending": ("--rounds", "10"),
    "bench.store.window_effect": ("--sessions", "8"),
    "bench.training.ablation": ("EVENTS", "--only", "defaults", "--additions"),
    "bench.training.intents": ("EVENTS", "--intents", "1", "2"),
    "bench.training.lake": ("--events", "5000", "--days", "4", "--engines", "duckdb"),
    "bench.training.minutes": ("--sessions", "600", "--items", "300", "--minutes", "0.1"),
    "bench.training.mixed_exports": ("--sessions", "300", "--epochs", "1"),
    "bench.training.throughput": ("--events", "EVENTS", "--batches", "4", "--threads", "1"),
}
AS_ROOT = {"bench.function.memory_size"}


@dataclass(frozen=True)
class Outcome:
    """A finished benchmark: its command, exit code, seconds, and what it printed."""

    command: str
    status: int
    seconds: float
    output: str


def run_small(scratch: Path) -> Iterator[Outcome]:
    """Run every benchmark at a small size and yield the outcomes as they come.

    Args:
        scratch: an empty folder, for inputs and results.
    """
    from bench.engine.catalogue import trained_run  # torch takes seconds, and tests read only the lists above

    events = scratch / "events.csv"
    write_events(events, Shop(seed=7, products=300).sessions(SESSIONS, seed=1))
    paths = {"RESULTS": str(scratch), "EVENTS": str(events), "RUN": str(trained_run(HIDDEN, SESSIONS))}

    def run(command: tuple[str, Sequence[str]]) -> Outcome:
        module, options = command
        for name, path in paths.items():
            options = [option.replace(name, path) for option in options]
        begun = time.monotonic()
        process = subprocess.run(
            [sys.executable, "-m", module, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},  # more threads than cores would wait for each other
            check=False,
        )
        took = time.monotonic() - begun
        return Outcome(f"python -m {' '.join([module, *options])}", process.returncode, took, process.stdout)

    others = [(module, SMALL[module]) for module in SMALL if os.geteuid() == 0 or module not in AS_ROOT]
    with ThreadPoolExecutor(JOBS) as pool:
        yield from pool.map(run, FIRST.items())
        yield from pool.map(run, others)
