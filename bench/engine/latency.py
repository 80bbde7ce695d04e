"""One prediction on one core: every scoring scheme beside float32 in ONNX Runtime and other ways, interleaved.

A request is one step of the GRU, the scores of all items and the best 20, as it is served; torch replays the session's
last events, as services without session state do (the way of ETUDE, ICDE 2024). The catalogue is made of copies of a
trained model's items (`bench.engine.catalogue`): latency does not depend on that, overlap does.
"""

import argparse
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Column, Table

from bench.common.results import write_json
from bench.common.timing import MS, Timed, summary
from bench.engine.catalogue import Catalogue, catalogue, exact_best, trained
from bench.engine.peers import peers
from model_export.export.choose_scheme import cost_us
from model_export.export.graph_runner import GraphRunner
from model_export.export.onnx_graphs import write_graphs
from model_export.export.schemes import SCHEMES, Scheme
from model_export.training.run_folder import read_run
from nextitem.model.manifest import Bounds

TOP = 20
BURST = 20
"""Requests to one contender in its turn."""
WARM = 2
"""Requests before them, which bring its weights into the caches again."""
BANDWIDTH_BYTES = 1 << 28

Floats = NDArray[np.float32]

FP32 = "onnxruntime_fp32"


@dataclass
class Row:
    """What was measured of a scheme; None where that is not applicable."""

    scheme: str
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    overlap: float = 0.0
    rss_mb: float | None = None
    file_mb: float | None = None
    cost_us: float | None = None
    chosen: bool = False


def main() -> None:
    """Print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogue", type=int, default=40_000, metavar="ITEMS")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--run", type=Path, help="a training run of that hidden size; otherwise one is trained")
    parser.add_argument("--overlap", type=float, default=Bounds().overlap, help="least overlap of the chosen scheme")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--schemes", nargs="*", help="only these of ours")
    parser.add_argument("--no-peers", action="store_true", help="only ours and float32: large tables are slow to make")
    parser.add_argument("--scratch", type=Path, help="folder for tables and graphs, some times the table's size")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = arguments.run or trained(arguments.hidden)
    if read_run(run).record.hidden != arguments.hidden:
        parser.error(f"{run} has another hidden size")
    with TemporaryDirectory(dir=arguments.scratch) as folder:
        made = catalogue(Path(folder), run, arguments.catalogue)
        rows, skipped = _measured(made, Path(folder), arguments)
    _choose(rows, arguments.overlap)
    bandwidth = _bandwidth()
    size = f"{arguments.catalogue:,} items x {arguments.hidden}"
    _print(rows, f"{size}, copies of a trained model's items; one core, memory {bandwidth:.0f} GB/s")
    for name, why in skipped.items():
        print(f"{name}: {why}")
    if arguments.json:
        document = {
            "catalogue": arguments.catalogue,
            "hidden": arguments.hidden,
            "table": f"copies of a trained model's items, {run.name}",
            "read_gb_per_s": bandwidth,
            "rows": [asdict(row) for row in rows],
            "skipped": skipped,
        }
        write_json(document, arguments.json)


def _measured(made: Catalogue, folder: Path, asked: argparse.Namespace) -> tuple[list[Row], dict[str, str]]:
    only = asked.schemes
    parameters = made.parameters
    items, hidden = parameters.table.shape
    half = len(made.states) // 2
    calibrating = parameters.scored(made.states[:half])
    queries = made.states[half:]
    best = exact_best(parameters.table, parameters.scored(queries), TOP).tolist()
    layers = len(parameters.layers)
    states = [np.ascontiguousarray(np.broadcast_to(state, (layers, 1, hidden))) for state in queries]
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    contenders: dict[str, Callable[[], object]] = {}
    stepper: GraphRunner | None = None
    for scheme in SCHEMES:
        name = FP32 if scheme.name == "fp32" else scheme.name
        why = scheme.refusal(items, hidden) or ("" if not only or scheme.name in [*only, "fp32"] else "not asked for")
        if why:
            skipped[name] = why
            continue
        row, graphs = _opened(name, scheme, made, folder / scheme.name, calibrating)
        found = [graphs.top(state, TOP).tolist() for state in states]
        row.overlap = overlap_of(found, best)
        rows.append(row)
        stepper = stepper or graphs
        contenders[name] = stepped_and_scored(graphs, states, items)
    if stepper is not None and not asked.no_peers:
        others, refused = peers(made, stepper, states, TOP)
        skipped |= refused
        for name, peer in others.items():
            rows.append(Row(name, overlap=1.0 if peer.found is None else overlap_of(peer.found, best)))
            contenders[name] = peer.request
    timed = bursts(contenders, asked.rounds)
    for row in rows:
        row.p50_ms, row.p99_ms = timed[row.scheme].median, timed[row.scheme].p99
    return rows, skipped


def overlap_of(found: Sequence[Sequence[int]], best: Sequence[Sequence[int]]) -> float:
    """Return how much of the best items was found, on average."""
    return float(np.mean([len({*one} & {*exact}) / TOP for one, exact in zip(found, best, strict=True)]))


def bursts(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, Timed]:
    """Time contenders in turn, some requests each: a function serves one model, whose weights the caches keep."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(-(-rounds // BURST)):
        for name, run in contenders.items():
            for _ in range(WARM):
                run()
            for _ in range(BURST):
                begun = time.perf_counter()
                run()
                taken[name].append((time.perf_counter() - begun) * MS)
    return {name: summary(times) for name, times in taken.items()}


def _opened(name: str, scheme: Scheme, made: Catalogue, home: Path, calibrating: Floats) -> tuple[Row, GraphRunner]:
    home.mkdir()
    parameters = made.parameters
    written = write_graphs(home, parameters, scheme, calibrating)
    items, hidden = parameters.table.shape
    sizes = len(parameters.layers), hidden, items
    command = [sys.executable, "-m", "bench.engine.resident_memory", str(home), ",".join(map(str, sizes))]
    resident = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    megabytes = sum(path.stat().st_size for path in home.iterdir()) / 1e6
    return Row(name, rss_mb=resident, file_mb=round(megabytes, 1), cost_us=cost_us(written)), GraphRunner(home, *sizes)


def stepped_and_scored(graphs: GraphRunner, states: list[Floats], items: int) -> Callable[[], object]:
    """Return a request as it is served, of one state after the other."""
    turns = itertools.count()
    rng = np.random.default_rng(2)
    clicked = rng.integers(0, items, (len(states), 1)).astype(np.int32)

    def run() -> object:
        turn = next(turns) % len(states)
        graphs.step(states[turn], clicked[turn])
        return graphs.top(states[turn], TOP)  # not the state just stepped: that is after an item drawn by chance

    return run


def _choose(rows: list[Row], overlap: float) -> None:
    fit = [row for row in rows if row.cost_us is not None and row.overlap >= overlap]
    if fit:
        min(fit, key=lambda row: row.cost_us or 0.0).chosen = True


def _bandwidth() -> float:
    """Return GB/s that one core reads: the floor under every scheme that looks at all items."""
    values = np.ones(BANDWIDTH_BYTES // 8, np.int64)
    best = 0.0
    for _ in range(5):
        begun = time.perf_counter()
        values.max()
        best = max(best, values.nbytes / (time.perf_counter() - begun) / 1e9)
    return round(best, 1)


def _print(rows: list[Row], title: str) -> None:
    table = Table(
        Column("scheme", no_wrap=True), "p50 ms", "p99", "of fp32", "overlap", "RSS MB", "files", "", title=title
    )
    fp32 = next((row.p50_ms for row in rows if row.scheme == FP32), None)
    for row in rows:
        table.add_row(
            row.scheme,
            f"{row.p50_ms:.3f}",
            f"{row.p99_ms:.3f}",
            f"{row.p50_ms / fp32:.3f}" if fp32 else "",
            f"{row.overlap:.4f}",
            "" if row.rss_mb is None else f"{row.rss_mb:,.0f}",
            "" if row.file_mb is None else f"{row.file_mb:,.0f}",
            "chosen" if row.chosen else "",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
