"""The overlap of each scheme on a trained catalogue, and on a synthetic one of the same size.

Large catalogues of benchmarks have copies of a trained model's items (`bench.engine.catalogue`). This compares the
top-20 overlap with exact scores on the trained items and on such copies, for the same states.

    python -m bench.engine.overlap RUN [--json FILE]
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.engine.catalogue import Catalogue, exact_top, make_catalogue
from bench.engine.latency import TOP, mean_overlap
from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.onnx.parameters import parameters_of
from model_export.export.schemes import SCHEMES, Scheme
from model_export.training.run_folder import read_run

QUERIES = 500


@dataclass(frozen=True)
class SchemeOverlap:
    """A scheme's overlap on the trained items, and on as many synthetic ones."""

    scheme: str
    trained: float
    synthetic: float


def main() -> None:
    """Print a table and write it."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("run", type=Path, help="a training run; its session memory is ignored")
    arguments = parser.parse_args()
    table = parameters_of(read_run(arguments.run)).table
    with TemporaryDirectory() as folder:
        copies = make_catalogue(Path(folder), arguments.run, len(table))
        trained = replace(copies, parameters=replace(copies.parameters, table=table))
        rows = []
        for scheme in track([scheme for scheme in SCHEMES if scheme.name != "fp32"], "Searching"):
            if scheme.name.startswith("truncated") and scheme.refusal(*table.shape):
                continue
            first, second = (
                _overlap(catalogue, scheme, Path(folder, name, scheme.name))
                for name, catalogue in (("real", trained), ("copies", copies))
            )
            rows.append(SchemeOverlap(scheme.name, first, second))
    shape = f"{table.shape[0]:,} items x {table.shape[1]}"
    shown = Table("scheme", "trained items", "synthetic items", title=f"Overlap of the top {TOP}, {shape}")
    for row in rows:
        shown.add_row(row.scheme, f"{row.trained:.4f}", f"{row.synthetic:.4f}")
    Console(width=100).print(shown)
    write_json({"run": arguments.run.name, "shape": shape, "rows": [asdict(row) for row in rows]}, arguments.json)


def _overlap(catalogue: Catalogue, scheme: Scheme, home: Path) -> float:
    home.mkdir(parents=True)
    parameters = catalogue.parameters
    write_graphs(home, parameters, scheme, catalogue.calibration)
    graphs = GraphRunner(home, *catalogue.sizes)
    best = exact_top(parameters.table, parameters.scored(catalogue.queries[:QUERIES]), TOP).tolist()
    return mean_overlap([graphs.top(state, TOP).tolist() for state in catalogue.engine_states(QUERIES)], best)


if __name__ == "__main__":
    main()
