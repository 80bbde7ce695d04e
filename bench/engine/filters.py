"""What filters cost inside the score graph: each beside a request without any, interleaved, on one core.

    python -m bench.engine.filters [--catalogue 40000 --hidden 256 --scheme truncated-96 --json FILE]

The catalogue is `bench.engine.latency`'s: copies of a trained model's items.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.common.results import write_json
from bench.common.timing import interleaved
from bench.engine.catalogue import Catalogue, catalogue, trained
from bench.engine.latency import TOP
from model_export.export.choose_scheme import find_scheme
from model_export.export.onnx_graphs import write_graphs
from nextitem.model.manifest import MAX_TOP, SCORE_GRAPH
from nextitem.model.onnx_graphs import open_graph

SEEN, LISTED = 64, 200
"""A session's whole window, excluded; the candidates of a backend with its own retrieval."""
SOLD_OUT = 0.05
"""Share of the catalogue that is unavailable."""
NO_FILTER = "no filter"


@dataclass(frozen=True)
class Row:
    """One kind of request: its milliseconds in the score graph, and how many times those without a filter."""

    request: str
    p50_ms: float
    p99_ms: float
    times: float


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=int, default=40_000, metavar="ITEMS")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--scheme", default="truncated-96")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        made = catalogue(Path(folder), trained(given.hidden), given.catalogue)
        half = made.parameters.scored(made.states[: len(made.states) // 2])
        write_graphs(Path(folder), made.parameters, find_scheme(given.scheme), half)
        timed = interleaved(_requests(made, Path(folder)), given.rounds)
    plain = timed[NO_FILTER].median
    rows = [Row(name, one.median, one.p99, round(one.median / plain, 3)) for name, one in timed.items()]
    table = Table(
        "", "p50 ms", "p99 ms", "times no filter", title=f"{given.catalogue:,} items x {given.hidden}, {given.scheme}"
    )
    for row in rows:
        table.add_row(row.request, f"{row.p50_ms:.3f}", f"{row.p99_ms:.3f}", f"{row.times:.2f}")
    Console(width=100).print(table)
    if given.json:
        document = {"catalogue": given.catalogue, "hidden": given.hidden, "scheme": given.scheme}
        write_json({**document, "rows": [asdict(row) for row in rows]}, given.json)


def _requests(made: Catalogue, folder: Path) -> dict[str, Callable[[], object]]:
    items = len(made.parameters.table)
    session = open_graph(folder / SCORE_GRAPH)
    rng = np.random.default_rng(3)
    states = made.states[len(made.states) // 2 :]
    layers = len(made.parameters.layers)
    mask = rng.random(items) < SOLD_OUT

    def some(count: int) -> NDArray[np.int64]:
        return np.sort(rng.choice(items, count, replace=False)).astype(np.int64)

    def request(
        k: int = TOP,
        only: NDArray[np.int64] | None = None,
        exclude: NDArray[np.int64] | None = None,
        unavailable: NDArray[np.bool_] | None = None,
    ) -> Callable[[], object]:
        feeds = {
            "only": np.empty(0, np.int64) if only is None else only,
            "exclude": np.empty(0, np.int64) if exclude is None else exclude,
            "unavailable": np.empty(0, np.bool_) if unavailable is None else unavailable,
            "k": np.array([k]),
        }

        def run() -> object:
            state = states[rng.integers(len(states))]
            hidden = np.ascontiguousarray(np.broadcast_to(state, (layers, 1, state.shape[-1])))
            return session.run(None, {"hidden": hidden, **feeds})

        return run

    return {
        NO_FILTER: request(),
        f"{SEEN} excluded": request(exclude=some(SEEN)),
        f"{SOLD_OUT:.0%} unavailable": request(unavailable=mask),
        "both": request(exclude=some(SEEN), unavailable=mask),
        f"only {LISTED}": request(only=some(LISTED)),
        f"the best {MAX_TOP}": request(k=MAX_TOP),
    }


if __name__ == "__main__":
    main()
