"""One prediction on one core: every scoring scheme beside float32 in ONNX Runtime and other libraries, interleaved.

    python -m bench.engine.latency [--catalogue 40000] [--hidden 256] [--json PATH]

A request is one step of the GRU, the scores of all items and the best 20, as the function serves it. Torch replays the
session's last events, as services without session state do (see ETUDE, ICDE 2024). The catalogue has copies of a
trained model's items (`bench.engine.catalogue`): overlap depends on their distribution, latency does not. It has no
session memory; `bench.engine.session_memory` measures what one adds.
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
from bench.common.timing import time_in_bursts
from bench.engine.catalogue import Catalogue, catalogue_parser, exact_top, make_catalogue, trained_run
from bench.engine.peers import make_peers
from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.choose_scheme import cost_us
from model_export.export.graph_runner import GraphRunner
from model_export.export.schemes import SCHEMES, Scheme
from nextitem.model.manifest import Bounds

TOP = 20
BANDWIDTH_BYTES = 1 << 28

Floats = NDArray[np.float32]

FP32 = "onnxruntime_fp32"
MODEL = "copies of a trained model's items, no session memory"


@dataclass
class SchemeResult:
    """The measurements of a scheme or peer; None where one does not apply."""

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
    parser = catalogue_parser(__doc__)
    parser.add_argument("--overlap", type=float, default=Bounds().overlap, help="minimum overlap of the chosen scheme")
    parser.add_argument("--rounds", type=int, default=100, help="rounds of the measurement (default: %(default)s)")
    parser.add_argument("--schemes", nargs="*", help="measure only these schemes, and float32")
    parser.add_argument(
        "--no-peers", action="store_true", help="measure no other libraries: they are slow for large tables"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = trained_run(arguments.hidden, arguments.trained_on)
    with TemporaryDirectory() as folder:
        catalogue = make_catalogue(Path(folder), run, arguments.catalogue)
        rows, skipped = _measure(catalogue, Path(folder), arguments)
    _choose(rows, arguments.overlap)
    bandwidth = _bandwidth()
    size = f"{arguments.catalogue:,} items x {arguments.hidden}, {MODEL}"
    _print(rows, f"{size}; one core, memory {bandwidth:.0f} GB/s")
    for name, reason in skipped.items():
        print(f"{name}: {reason}")
    document = {
        "catalogue": arguments.catalogue,
        "hidden": arguments.hidden,
        "table": f"{MODEL}, {run.parent.name}",
        "read_gb_per_s": bandwidth,
        "rows": [asdict(row) for row in rows],
        "skipped": skipped,
    }
    write_json(document, arguments.json)


def _measure(
    catalogue: Catalogue, folder: Path, arguments: argparse.Namespace
) -> tuple[list[SchemeResult], dict[str, str]]:
    only = arguments.schemes
    parameters = catalogue.parameters
    _, hidden, items = catalogue.sizes
    best = exact_top(parameters.table, parameters.scored(catalogue.queries), TOP).tolist()
    states = catalogue.engine_states()
    rows: list[SchemeResult] = []
    skipped: dict[str, str] = {}
    contenders: dict[str, Callable[[], object]] = {}
    stepper: GraphRunner | None = None
    for scheme in SCHEMES:
        name = FP32 if scheme.name == "fp32" else scheme.name
        is_chosen = not only or scheme.name in [*only, "fp32"]
        if reason := scheme.refusal(items, hidden) or ("" if is_chosen else "not in --schemes"):
            skipped[name] = reason
            continue
        row, graphs = _open(name, scheme, catalogue, folder / scheme.name)
        row.overlap = mean_overlap([graphs.top(state, TOP).tolist() for state in states], best)
        rows.append(row)
        stepper = stepper or graphs
        contenders[name] = served_request(graphs, states, items)
    if stepper is not None and not arguments.no_peers:
        peers, refused = make_peers(catalogue, stepper, states, TOP)
        skipped |= refused
        for name, peer in peers.items():
            rows.append(SchemeResult(name, overlap=1.0 if peer.items is None else mean_overlap(peer.items, best)))
            contenders[name] = peer.request
    timed = time_in_bursts(contenders, arguments.rounds)
    for row in rows:
        row.p50_ms, row.p99_ms = timed[row.scheme].median, timed[row.scheme].p99
    return rows, skipped


def mean_overlap(items: Sequence[Sequence[int]], best: Sequence[Sequence[int]]) -> float:
    """Return the mean share of the exact best items that are among the given ones."""
    return float(np.mean([len({*row} & {*exact}) / TOP for row, exact in zip(items, best, strict=True)]))


def _open(name: str, scheme: Scheme, catalogue: Catalogue, home: Path) -> tuple[SchemeResult, GraphRunner]:
    home.mkdir()
    written = write_graphs(home, catalogue.parameters, scheme, catalogue.calibration)
    sizes = catalogue.sizes
    command = [sys.executable, "-m", "bench.engine.resident_memory", str(home), ",".join(map(str, sizes))]
    resident = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    megabytes = sum(path.stat().st_size for path in home.iterdir()) / 1e6
    return SchemeResult(name, rss_mb=resident, file_mb=round(megabytes, 1), cost_us=cost_us(written)), GraphRunner(
        home, *sizes
    )


def served_request(graphs: GraphRunner, states: list[Floats], items: int) -> Callable[[], object]:
    """Return a request as the function serves it, with one state after the other."""
    turns = itertools.count()
    rng = np.random.default_rng(2)
    items_clicked = rng.integers(0, items, (len(states), 1)).astype(np.int32)
    clicked = [SessionEvents.views(row) for row in items_clicked]

    def run() -> object:
        turn = next(turns) % len(states)
        graphs.step(states[turn], clicked[turn])
        return graphs.top(states[turn], TOP)  # not the stepped state: it is after a random item

    return run


def _choose(rows: list[SchemeResult], overlap: float) -> None:
    candidates = [row for row in rows if row.cost_us is not None and row.overlap >= overlap]
    if candidates:
        min(candidates, key=lambda row: row.cost_us or 0.0).chosen = True


def _bandwidth() -> float:
    """Return the GB/s that one core reads: the bound on every scheme that reads all items."""
    values = np.ones(BANDWIDTH_BYTES // 8, np.int64)
    best = 0.0
    for _ in range(5):
        begun = time.perf_counter()
        values.max()
        best = max(best, values.nbytes / (time.perf_counter() - begun) / 1e9)
    return round(best, 1)


def _print(rows: list[SchemeResult], title: str) -> None:
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
