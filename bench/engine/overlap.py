"""Whether a made-up catalogue is searched as well as the trained one that it is made of.

Large catalogues are made of copies of a trained model's items (`bench.engine.catalogue`). Here both have the same size:
each scheme's top-20 overlap with exact scores, on the items that were trained and on such copies, for the same states.

    python -m bench.engine.overlap RUN [--json FILE]
"""

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.common.results import write_json
from bench.engine.catalogue import Catalogue, catalogue, exact_best
from bench.engine.latency import TOP, overlap_of
from model_export.export.graph_runner import GraphRunner
from model_export.export.onnx.parameters import parameters_of
from model_export.export.onnx_graphs import write_graphs
from model_export.export.schemes import SCHEMES, Scheme
from model_export.training.run_folder import read_run

QUERIES = 500


@dataclass(frozen=True)
class Row:
    """A scheme's overlap on the trained items, and on as many made-up ones."""

    scheme: str
    trained: float
    made_up: float


def main() -> None:
    """Print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a training run; its session memory is left out")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    table = parameters_of(read_run(given.run)).table
    with TemporaryDirectory() as folder:
        copies = catalogue(Path(folder), given.run, len(table))
        copies = replace(copies, parameters=replace(copies.parameters, memory=None))
        trained = replace(copies, parameters=replace(copies.parameters, table=table))
        rows = []
        for scheme in track([one for one in SCHEMES if one.name != "fp32"], "Searching"):
            if scheme.name.startswith("truncated") and scheme.refusal(*table.shape):
                continue
            first, second = (
                _overlap(one, scheme, Path(folder, name, scheme.name))
                for name, one in (("real", trained), ("copies", copies))
            )
            rows.append(Row(scheme.name, first, second))
    shape = f"{table.shape[0]:,} items x {table.shape[1]}"
    shown = Table("scheme", "trained items", "made-up items", title=f"Overlap of the top {TOP}, {shape}")
    for row in rows:
        shown.add_row(row.scheme, f"{row.trained:.4f}", f"{row.made_up:.4f}")
    Console(width=100).print(shown)
    if given.json:
        write_json({"run": given.run.name, "shape": shape, "rows": [asdict(row) for row in rows]}, given.json)


def _overlap(made: Catalogue, scheme: Scheme, home: Path) -> float:
    home.mkdir(parents=True)
    parameters = made.parameters
    items, hidden = parameters.table.shape
    half = len(made.states) // 2
    write_graphs(home, parameters, scheme, parameters.scored(made.states[:half]))
    graphs = GraphRunner(home, len(parameters.layers), hidden, items)
    queries = made.states[half : half + QUERIES]
    best = exact_best(parameters.table, parameters.scored(queries), TOP).tolist()
    shape = len(parameters.layers), 1, hidden
    states = [np.ascontiguousarray(np.broadcast_to(state, shape)) for state in queries]
    return overlap_of([graphs.top(state, TOP).tolist() for state in states], best)


if __name__ == "__main__":
    main()
