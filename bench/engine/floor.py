"""How fast a request of two passes could be at best: a step, a bare int8 pass, the rows of a given list; no selection.

    python -m bench.engine.floor [--catalogue 40000 --hidden 256 --json FILE]

Whoever wants `bench.engine.latency`'s ratios lower than these must read fewer bytes or use other operators. The list
is as long
as top-20 overlap 0.999 takes when the rotated dimensions are not rounded, and is given, so that nothing is selected,
sorted, excluded or masked. float32 and torch stand beside it, in turn, as in `bench.engine.latency`.
"""

import argparse
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
from bench.engine.catalogue import Catalogue, catalogue, exact_best, trained
from bench.engine.latency import FP32, TOP, bursts, stepped_and_scored
from bench.engine.peers import torch_request
from model_export.export.graph_runner import GraphRunner
from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.onnx_graphs import write_graphs
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.rotation import rotation, sample
from model_export.export.schemes.scan import Scan
from nextitem.model.onnx_graphs import open_graph

OVERLAP = 0.999
DIMS = (32, 48, 64, 76, 96, 128)
TORCH, STEP = "torch_eager", "one step alone"
REQUESTS = 100
"""States that requests take in turn."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """A contender: its milliseconds, and what share they are of float32's and of torch's."""

    contender: str
    candidates: int | None
    p50_ms: float
    of_fp32: float
    of_torch: float


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=int, default=40_000, metavar="ITEMS")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        made = catalogue(Path(folder), trained(given.hidden), given.catalogue)
        rows = _measured(made, Path(folder), given.rounds)
    table = Table(
        "", "candidates", "p50 ms", "of fp32", "of torch", title=f"{given.catalogue:,} items x {given.hidden}, floors"
    )
    for row in rows:
        listed = "" if row.candidates is None else f"{row.candidates:,}"
        table.add_row(row.contender, listed, f"{row.p50_ms:.3f}", f"{row.of_fp32:.3f}", f"{row.of_torch:.3f}")
    Console(width=100).print(table)
    if given.json:
        document = {"catalogue": given.catalogue, "hidden": given.hidden, "rows": [asdict(row) for row in rows]}
        write_json(document, given.json)


def _measured(made: Catalogue, folder: Path, rounds: int) -> list[Row]:
    parameters = made.parameters
    items, hidden = parameters.table.shape
    half = len(made.states) // 2
    calibrating, held_out = parameters.scored(made.states[:half]), parameters.scored(made.states[half:])
    best = exact_best(parameters.table, held_out, TOP)
    layers = len(parameters.layers)
    states = [np.ascontiguousarray(np.broadcast_to(one, (layers, 1, hidden))) for one in made.states[half:][:REQUESTS]]
    exact = folder / "exact"
    exact.mkdir()
    write_graphs(exact, parameters, Fp32(), calibrating)
    graphs = GraphRunner(exact, layers, hidden, items)
    contenders: dict[str, Callable[[], object]] = {
        FP32: stepped_and_scored(graphs, states, items),
        TORCH: torch_request(made, TOP),
    }
    turned = rotation(sample(parameters.table), calibrating, hidden - 1)
    rows_turned = np.asarray((parameters.table - turned.centre) @ turned.rows, np.float32)
    states_turned = np.asarray(held_out @ turned.states, np.float32)
    needed: dict[str, int] = {}
    clicked = np.random.default_rng(2).integers(0, items, (len(states), 1)).astype(np.int32)
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
        count, lists = _lists(rows_turned[:, :dims], states_turned[:, :dims], best)
        bare = _bare(folder / str(dims), made, Scan(dims, count), calibrating)
        name = f"step, pass in {dims} dimensions, rows"
        needed[name] = count
        contenders[name] = _request(step, bare, states, lists)
    timed = bursts(contenders, rounds)
    fp32, eager = timed[FP32].median, timed[TORCH].median
    return [
        Row(name, needed.get(name), one.median, one.median / fp32, one.median / eager) for name, one in timed.items()
    ]


def _lists(rows: Floats, states: Floats, best: NDArray[np.int64]) -> tuple[int, list[NDArray[np.int64]]]:
    """Return how many of the best rough scores hold the overlap, and these items of the first states, ascending."""
    ranks = []
    for state, items in zip(states, best, strict=True):
        scores = rows @ state
        ranks.append(np.searchsorted(np.sort(-scores), -scores[items]) + 1)
    count = int(np.quantile(np.concatenate(ranks), OVERLAP))
    return count, [np.sort(np.argpartition(-(rows @ state), count)[:count]) for state in states[:REQUESTS]]


def _bare(
    folder: Path, made: Catalogue, scheme: Scan, calibrating: Floats
) -> Callable[[Floats, NDArray[np.int64]], object]:
    """Return what scores all items by their codes and some items by their rows, and selects nothing."""
    folder.mkdir()
    parameters = made.parameters
    with WeightsFile(folder / "weights.bin") as weights:
        prepared = scheme.prepare(weights, parameters.table, calibrating)
    graph = GraphBuilder(weights)
    state = graph.input("state", TensorProto.FLOAT, [parameters.hidden, 1])
    depth = weights.tensor("scan").dims[1]
    levels = graph.input("levels", TensorProto.UINT8, [1, depth])
    rough = graph.node("MatMulInteger", levels, graph.stored("scan", mapped=True))
    graph.output("rough", rough.slice([0, 0, 0], [1, 1, 1]), TensorProto.INT32, [1, 1, 1])
    rows = prepared.rows.gather(graph, graph.input("items", TensorProto.INT64, ["n"]))
    graph.output("scores", rows @ state, TensorProto.FLOAT, ["n", 1])
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
