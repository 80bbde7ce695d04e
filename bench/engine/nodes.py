"""Where the time of a score graph goes: ONNX Runtime's own profile of its nodes.

    python -m bench.engine.nodes [--catalogue 40000 --hidden 256 --scheme truncated-96 --json FILE]

Two groups: products with the table, its codes or the rotation, and all other operators. The profile costs some
microseconds a node, so shares of small nodes are too large; the time of a request without it stands beside them. Nodes
that only hold others (If) are left out.
"""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.common.results import write_json
from bench.common.timing import time_interleaved
from bench.engine.catalogue import Catalogue, catalogue_parser, make_catalogue, trained_run
from bench.engine.latency import TOP
from model_export.export.build_graphs import write_graphs
from model_export.export.choose_scheme import find_scheme
from model_export.export.graph_runner import GraphRunner
from nextitem.model.manifest import SCORE_GRAPH
from nextitem.model.onnx_runtime import ort

PRODUCTS = {"MatMul", "MatMulInteger", "MatMulNBits"}
HOLDERS = {"If", "Loop"}
KERNEL = "_kernel_time"


@dataclass(frozen=True)
class NodeTime:
    """An operator of the graph: how many of its nodes run in a request, and their microseconds together."""

    operator: str
    nodes: int
    us: float


def main() -> None:
    """Print a table."""
    parser = catalogue_parser(__doc__)
    parser.add_argument("--scheme", default="truncated-96", help="the scoring scheme (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=300, help="profiled requests (default: %(default)s)")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        run = trained_run(arguments.hidden, arguments.trained_on)
        catalogue = make_catalogue(Path(folder), run, arguments.catalogue)
        home = Path(folder, "graphs")
        home.mkdir()
        write_graphs(home, catalogue.parameters, find_scheme(arguments.scheme), catalogue.calibration)
        graphs, state = GraphRunner(home, *catalogue.sizes), catalogue.engine_states(1)[0]
        whole = time_interleaved({"request": lambda: graphs.top(state, TOP)}, arguments.rounds)["request"].median
        rows = profile(home, catalogue, arguments.rounds)
    products = sum(row.us for row in rows if row.operator in PRODUCTS)
    total = sum(row.us for row in rows)
    title = f"{arguments.catalogue:,} items x {arguments.hidden}, {arguments.scheme}: {whole * 1000:.0f} us unprofiled"
    table = Table("operator", "nodes", "us", "share", title=f"{title}; products {products / total:.0%} of {total:.0f}")
    for row in rows:
        table.add_row(row.operator, str(row.nodes), f"{row.us:.1f}", f"{row.us / total:.1%}")
    Console(width=100).print(table)
    document = {"request_us": whole * 1000, "products_us": products, "rows": [asdict(row) for row in rows]}
    write_json(document, arguments.json)


def profile(home: Path, catalogue: Catalogue, rounds: int) -> list[NodeTime]:
    """Return the operators of a score graph, the slowest first; each node counts with its median."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = str(home / "profile")
    session = ort.InferenceSession(str(home / SCORE_GRAPH), options)
    _, hidden, _ = catalogue.sizes
    none = np.empty(0, np.int64)
    feeds: dict[str, Any] = {"only": none, "exclude": none, "unavailable": np.empty(0, np.bool_), "k": np.array([TOP])}
    feeds["new_rows"] = np.empty((0, hidden), np.float32)
    for state in catalogue.engine_states(rounds):
        session.run(("scores", "items"), {**feeds, "hidden": state})
    events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        if event["name"].endswith(KERNEL):
            times[event["args"]["op_name"], event["name"]].append(event["dur"])
    operators: dict[str, list[float]] = defaultdict(list)
    for (operator, _), durations in times.items():
        if operator not in HOLDERS:
            operators[operator].append(median(durations))
    rows = [NodeTime(operator, len(nodes), sum(nodes)) for operator, nodes in operators.items()]
    return sorted(rows, key=lambda row: -row.us)


if __name__ == "__main__":
    main()
