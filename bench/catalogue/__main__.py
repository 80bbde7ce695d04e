"""Filters and the shop's rules in a whole ranking call, each beside a call without, interleaved, on one core.

    python -m bench.catalogue [--items 40000 1000000] [--scheme truncated-96] [--rounds 400] [--json FILE]

A call is what a request costs after its session is replayed: the JSON body becomes options, filters are parsed against
the catalogue and evaluated, and the engine ranks. An uncached filter is evaluated at each call, on columns that are in
the order of the model's items already (`nextitem.catalogue.aligned`). The model has copies of a trained model's items
(`bench.engine.catalogue`); 2 % of them are not in the catalogue.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.catalogue.graph_model import GraphModel
from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.timing import time_interleaved
from bench.engine.catalogue import SESSIONS, make_catalogue, trained_run
from model_export.export.build_graphs import write_graphs
from model_export.export.choose_scheme import find_scheme
from nextitem.catalogue.bounded_cache import BoundedCache
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.join import join_of
from nextitem.catalogue.masks import select
from nextitem.catalogue.served_items import SELECTION_BYTES, ServedItems
from nextitem.catalogue.writer import BooleanData, ColumnData, NumberData, TextData, write_catalogue
from nextitem.model.vocabulary import write_vocabulary
from nextitem.service.ranking import ReplayedSession, rank
from nextitem.service.schema import ItemsBody, parse
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.parsed_options import parse_options

NO_FILTER = "none"
TOP = 20
SOLD = 0.98
"""Share of the model's items that the catalogue has."""
CATEGORIES, BRANDS, CHEAP = 20, 1000, 5.0
FILTERS: dict[str, dict[str, Any]] = {
    "in stock": {"in_stock": True},
    "a category": {"category": "category 07"},
    "a brand": {"brand": "brand 321"},
    "cheap and not of a category": {"price": {"lt": CHEAP}, "not": {"category": "category 07"}},
}
"""They keep 50 %, 5 %, 0.1 % and about 5 %."""
RULES: dict[str, dict[str, Any]] = {
    "boost of a category": {"boost": [{"filter": FILTERS["a category"], "factor": 3}]},
    "promotion of a brand": {"promote": [{"filter": FILTERS["a brand"], "share": 0.2}]},
    "two of a brand at most": {"diversity": {"field": "brand", "max": 2}},
    "unlike items (mmr)": {"diversity": {"mmr": 0.3}},
}


@dataclass(frozen=True)
class FilterTime:
    """One kind of call: the items it keeps, its median, and that as a multiple of a call without filter."""

    items: int
    filter: str
    kept: int
    p50_ms: float
    p99_ms: float
    ratio: float


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "--items",
        type=int,
        nargs="+",
        default=[40_000, 1_000_000],
        help="sizes of the catalogue (default: %(default)s)",
    )
    parser.add_argument("--hidden", type=int, default=128, help="hidden size of the model (default: %(default)s)")
    parser.add_argument("--scheme", default="truncated-96", help="scoring scheme of the model (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=400, help="rounds of the measurement (default: %(default)s)")
    parser.add_argument("--trained-on", type=int, default=SESSIONS, metavar="SESSIONS", help="of the copied model")
    arguments = parser.parse_args()
    run = trained_run(arguments.hidden, arguments.trained_on)
    rows: list[FilterTime] = []
    for items in arguments.items:
        with TemporaryDirectory() as folder:
            rows += _times(Path(folder), run, items, arguments.scheme, arguments.rounds)
    table = Table("items", "filter", "kept", "p50 ms", "p99 ms", "times none", title=arguments.scheme)
    for row in rows:
        figures = f"{row.p50_ms:.3f}", f"{row.p99_ms:.3f}", f"{row.ratio:.2f}"
        table.add_row(f"{row.items:,}", row.filter, f"{row.kept:,}", *figures)
    Console(width=100).print(table)
    document = {"hidden": arguments.hidden, "scheme": arguments.scheme}
    write_json({**document, "rows": [asdict(row) for row in rows]}, arguments.json)


def _times(folder: Path, run: Path, items: int, scheme: str, rounds: int) -> list[FilterTime]:
    model_catalogue = make_catalogue(folder, run, items)
    write_graphs(folder, model_catalogue.parameters, find_scheme(scheme), model_catalogue.calibration)
    ids = [f"item-{number:07}" for number in range(items)]
    write_vocabulary(folder / "vocabulary.bin", ids)
    model = GraphModel(folder, model_catalogue.sizes)
    catalogue = _catalogue(folder / "catalogue.bin", ids)
    join = join_of(model.vocabulary, catalogue)

    def routed(cache_bytes: int) -> RoutedModel:
        served = ServedItems(model.vocabulary, model_catalogue.sizes[1], catalogue, join)
        served.selections = BoundedCache(cache_bytes)
        return RoutedModel(model, served, "bench", exclude_seen=False)

    states = [state.reshape(-1) for state in model_catalogue.engine_states()]
    rng = np.random.default_rng(3)

    def call(wishes: Mapping[str, Any], *, cached: bool = True) -> Callable[[], object]:
        body = msgspec.json.encode({"limit": TOP, **wishes})
        served = routed(SELECTION_BYTES if cached else 0)

        def run_once() -> object:
            parsed = parse_options(parse(body, ItemsBody), served.items.catalogue)
            replay = ReplayedSession("stateless", ids[:1], ["view"], states[rng.integers(len(states))])
            return rank(served, replay, parsed, TOP)

        return run_once

    calls = {NO_FILTER: call({})}
    for name, document in FILTERS.items():
        calls[f"{name}, cached"] = call({"filter": document})
        calls[f"{name}, not cached"] = call({"filter": document}, cached=False)
    calls |= {name: call(wishes) for name, wishes in RULES.items()}
    kept = {name: _kept(document, routed(0).items) for name, document in FILTERS.items()}
    timed = time_interleaved(calls, rounds)
    plain = timed[NO_FILTER].median
    return [
        FilterTime(
            items, name, kept.get(name.partition(",")[0], items), time.median, time.p99, round(time.median / plain, 3)
        )
        for name, time in timed.items()
    ]


def _kept(document: dict[str, Any], items: ServedItems) -> int:
    parsed = parse_options(parse(msgspec.json.encode({"filter": document}), ItemsBody), items.catalogue)
    if parsed.filter is None:
        raise SystemExit(f"{document} is no filter")
    return select(parsed.filter, items).kept


def _catalogue(path: Path, ids: list[str]) -> Catalogue:
    rng = np.random.default_rng(2)
    sold = [item for item, is_sold in zip(ids, rng.random(len(ids)) < SOLD, strict=True) if is_sold]

    def texts(name: str, count: int) -> TextData:
        digits = len(str(count - 1))
        values = [f"{name} {number:0{digits}}" for number in range(count)]
        return TextData(values, rng.integers(0, count, len(sold)).astype(np.int32))

    columns: dict[str, ColumnData] = {
        "category": texts("category", CATEGORIES),
        "brand": texts("brand", BRANDS),
        "in_stock": BooleanData((rng.random(len(sold)) < 0.5).astype(np.int8)),  # noqa: PLR2004 - half of the items
        "price": NumberData("number", np.round(rng.uniform(0, 100, len(sold)), 2)),
    }
    write_catalogue(path, sold, columns, {})
    return Catalogue(path, "c0")


if __name__ == "__main__":
    main()
