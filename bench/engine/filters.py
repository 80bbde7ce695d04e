"""The cost of filters inside the score graph: each beside a request without filters, interleaved, on one core.

    python -m bench.engine.filters [--catalogue 40000 --hidden 256 --scheme truncated-96 --json FILE]

The catalogue is that of `bench.engine.latency`: copies of a trained model's items.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.common.results import write_json
from bench.common.timing import time_interleaved
from bench.engine.catalogue import Catalogue, catalogue_parser, make_catalogue, trained_run
from bench.engine.latency import TOP
from model_export.export.build_graphs import write_graphs
from model_export.export.choose_scheme import find_scheme
from nextitem.model.manifest import MAX_TOP, SCORE_GRAPH
from nextitem.model.onnx_graphs import open_graph

SEEN, LISTED = 64, 200
"""Excluded items: a session's whole window. Listed items: the candidates of a backend with its own retrieval."""
SOLD_OUT = 0.05
"""Share of the catalogue that is unavailable."""
NEW = (10, 1000, 10_000)
"""Items that the model does not have, whose rows the request brings."""
NO_FILTER = "no filter"


@dataclass(frozen=True)
class FilterTime:
    """One kind of request: milliseconds in the score graph, and the median as a multiple of that without filters."""

    request: str
    p50_ms: float
    p99_ms: float
    times: float


def main() -> None:
    """Print a table."""
    parser = catalogue_parser(__doc__)
    parser.add_argument("--scheme", default="truncated-96", help="scoring scheme of the model (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1000, help="rounds of the measurement (default: %(default)s)")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        catalogue = make_catalogue(
            Path(folder), trained_run(arguments.hidden, arguments.trained_on), arguments.catalogue
        )
        write_graphs(Path(folder), catalogue.parameters, find_scheme(arguments.scheme), catalogue.calibration)
        timed = time_interleaved(_requests(catalogue, Path(folder)), arguments.rounds)
    plain = timed[NO_FILTER].median
    rows = [FilterTime(name, time.median, time.p99, round(time.median / plain, 3)) for name, time in timed.items()]
    title = f"{arguments.catalogue:,} items x {arguments.hidden}, {arguments.scheme}"
    table = Table("", "p50 ms", "p99 ms", "times no filter", title=title)
    for row in rows:
        table.add_row(row.request, f"{row.p50_ms:.3f}", f"{row.p99_ms:.3f}", f"{row.times:.2f}")
    Console(width=100).print(table)
    document = {"catalogue": arguments.catalogue, "hidden": arguments.hidden, "scheme": arguments.scheme}
    write_json({**document, "rows": [asdict(row) for row in rows]}, arguments.json)


def _requests(catalogue: Catalogue, folder: Path) -> dict[str, Callable[[], object]]:
    items = len(catalogue.parameters.table)
    session = open_graph(folder / SCORE_GRAPH)
    rng = np.random.default_rng(3)
    states = catalogue.engine_states()
    mask = rng.random(items) < SOLD_OUT
    new_rows = catalogue.parameters.table[rng.integers(0, items, max(NEW))]

    def draw(count: int) -> NDArray[np.int64]:
        return np.sort(rng.choice(items, count, replace=False)).astype(np.int64)

    def request(
        k: int = TOP,
        only: NDArray[np.int64] | None = None,
        exclude: NDArray[np.int64] | None = None,
        unavailable: NDArray[np.bool_] | None = None,
        new: int = 0,
    ) -> Callable[[], object]:
        feeds = {
            "only": np.empty(0, np.int64) if only is None else only,
            "exclude": np.empty(0, np.int64) if exclude is None else exclude,
            "unavailable": np.empty(0, np.bool_) if unavailable is None else unavailable,
            "k": np.array([k]),
            "new_rows": new_rows[:new],
        }

        def run() -> object:
            return session.run(None, {"hidden": states[rng.integers(len(states))], **feeds})

        return run

    return {
        NO_FILTER: request(),
        f"{SEEN} excluded": request(exclude=draw(SEEN)),
        f"{SOLD_OUT:.0%} unavailable": request(unavailable=mask),
        "both": request(exclude=draw(SEEN), unavailable=mask),
        f"only {LISTED}": request(only=draw(LISTED)),
        f"the best {MAX_TOP}": request(k=MAX_TOP),
        **{f"{count:,} new items": request(new=count) for count in NEW},
    }


if __name__ == "__main__":
    main()
