"""A lower bound on a request with two passes: a step, a bare int8 pass, and the rows of a fixed list.

    python -m bench.engine.floor [--catalogue 40000 --hidden 256 --json FILE]

A scheme of two passes can only be faster than this if it reads fewer bytes or uses other operators. The list is as long
as a top-20 overlap of 0.999 needs without rounding of the rotated dimensions. It is fixed, so nothing is selected,
sorted, excluded or masked. float32 and torch are measured in turn with it, as in `bench.engine.latency`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from rich.console import Console
from rich.table import Table

from bench.common.results import write_json
from bench.common.timing import time_in_bursts
from bench.engine.catalogue import Catalogue, catalogue_parser, exact_top, make_catalogue, trained_run
from bench.engine.latency import FP32, TOP, served_request
from bench.engine.peers import torch_request
from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.rotation import rotation, sample
from model_export.export.schemes.scan import Scan
from nextitem.model.onnx_graphs import open_graph

OVERLAP = 0.999
DIMS = (32, 48, 64, 76, 96, 128)
TORCH, STEP = "torch_eager", "one step alone"
REQUESTS = 100
"""The states of requests, in turn."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FloorTime:
    """The milliseconds of a contender, and their ratios to float32 and torch."""

    contender: str
    candidates: int | None
    p50_ms: float
    of_fp32: float
    of_torch: float


def main() -> None:
    """Print a table."""
    parser = catalogue_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="rounds of the measurement (default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        catalogue = make_catalogue(
            Path(folder), trained_run(arguments.hidden, arguments.trained_on), arguments.catalogue
        )
        rows = _measure(catalogue, Path(folder), arguments.rounds)
    title = f"{arguments.catalogue:,} items x {arguments.hidden}, lower bounds"
    table = Table("", "candidates", "p50 ms", "of fp32", "of torch", title=title)
    for row in rows:
        listed = "" if row.candidates is None else f"{row.candidates:,}"
        table.add_row(row.contender, listed, f"{row.p50_ms:.3f}", f"{row.of_fp32:.3f}", f"{row.of_torch:.3f}")
    Console(width=100).print(table)
    document = {"catalogue": arguments.catalogue, "hidden": arguments.hidden, "rows": [asdict(row) for row in rows]}
    write_json(document, arguments.json)


def _measure(catalogue: Catalogue, folder: Path, rounds: int) -> list[FloorTime]:
    parameters = catalogue.parameters
    layers, hidden, items = catalogue.sizes
    calibration, queries = catalogue.calibration, parameters.scored(catalogue.queries)
    best = exact_top(parameters.table, queries, TOP)
    states = catalogue.engine_states(REQUESTS)
    exact = folder / "exact"
    exact.mkdir()
    write_graphs(exact, parameters, Fp32(), calibration)
    graphs = GraphRunner(exact, layers, hidden, items)
    contenders: dict[str, Callable[[], object]] = {
        FP32: served_request(graphs, states, items),
        TORCH: torch_request(catalogue, TOP),
    }
    rotated = rotation(sample(parameters.table), calibration, hidden - 1)
    rotated_rows = np.asarray((parameters.table - rotated.centre) @ rotated.rows, np.float32)
    rotated_states = np.asarray(queries @ rotated.states, np.float32)
    candidates: dict[str, int] = {}
    items_clicked = np.random.default_rng(2).integers(0, items, (len(states), 1)).astype(np.int32)
    clicked = [SessionEvents.views(row) for row in items_clicked]
    turn = 0

    def step() -> int:
        nonlocal turn
        turn = (turn + 1) % len(states)
        graphs.step(states[turn], clicked[turn])
        return turn

    contenders[STEP] = step
    for dims in DIMS:
        if dims >= hidden:
            continue
        count, lists = _lists(rotated_rows[:, :dims], rotated_states[:, :dims], best)
        bare = _bare(folder / str(dims), catalogue, Scan(dims, count), calibration)
        name = f"step, pass in {dims} dimensions, rows"
        candidates[name] = count
        contenders[name] = _request(step, bare, states, lists)
    timed = time_in_bursts(contenders, rounds)
    fp32, eager = timed[FP32].median, timed[TORCH].median
    return [
        FloorTime(name, candidates.get(name), time.median, time.median / fp32, time.median / eager)
        for name, time in timed.items()
    ]


def _lists(rows: Floats, states: Floats, best: NDArray[np.int64]) -> tuple[int, list[NDArray[np.int64]]]:
    """Return how many of the best rough scores reach the overlap, and those items of the first states, ascending."""
    ranks = []
    for state, items in zip(states, best, strict=True):
        scores = rows @ state
        ranks.append(np.searchsorted(np.sort(-scores), -scores[items]) + 1)
    count = int(np.quantile(np.concatenate(ranks), OVERLAP))
    return count, [np.sort(np.argpartition(-(rows @ state), count)[:count]) for state in states[:REQUESTS]]


def _bare(
    folder: Path, catalogue: Catalogue, scheme: Scan, calibration: Floats
) -> Callable[[Floats, NDArray[np.int64]], object]:
    """Return a request that scores all items by their codes and some items by their rows, and selects nothing."""
    folder.mkdir()
    parameters = catalogue.parameters
    with WeightsFile(folder / "weights.bin") as weights:
        prepared = scheme.prepare(weights, parameters.table, calibration)
    graph = GraphBuilder(weights)
    state = graph.input("state", TensorProto.FLOAT, [parameters.hidden, 1])
    depth = weights.tensor("scan").dims[1]
    levels = graph.input("levels", TensorProto.UINT8, [1, depth])
    rough = graph.node("MatMulInteger", levels, graph.stored("scan", mapped=True))
    graph.output("rough", rough.slice([0, 0, 0], [1, 1, 1]), TensorProto.INT32, [1, 1, 1])
    rows = prepared.rows.gather(graph, graph.input("items", TensorProto.INT64, ["n"]))
    graph.output("scores", rows @ prepared.rows.scaled(state), TensorProto.FLOAT, ["n", 1])
    (folder / "bare.onnx").write_bytes(graph.model("bare").SerializeToString())
    session = open_graph(folder / "bare.onnx")
    any_levels = np.random.default_rng(1).integers(0, 128, (1, depth)).astype(np.uint8)

    def run(state: Floats, items: NDArray[np.int64]) -> object:
        return session.run(None, {"state": state[-1].T, "levels": any_levels, "items": items})

    return run


def _request(
    step: Callable[[], int],
    bare: Callable[[Floats, NDArray[np.int64]], object],
    states: list[Floats],
    lists: list[NDArray[np.int64]],
) -> Callable[[], object]:
    def run() -> object:
        turn = step()
        return bare(states[turn], lists[turn])

    return run


if __name__ == "__main__":
    main()
