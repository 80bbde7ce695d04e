"""The items most similar to one: the model's answer to this item alone, beside the cosine of item vectors.

    python -m bench.engine.similar RUN --train train.csv --test test.csv [--scheme NAME --json FILE]

The run is exported first, so that the engine answers that serves.

Every pair of different items in a test session is a question. "next": of two items that follow each other, is the
second among the 20 most similar to the first? "together": is one item of a session among the 20 most like another?
The rankers are asked once for each item. Pairs with an item that is not in train are left out.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations, pairwise, permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from model_export.data.ingestion.reader import read_files
from model_export.data.layout import Layout
from model_export.data.sessions import Sessions
from model_export.export.export import export
from model_export.export.onnx.parameters import parameters_of
from model_export.metrics.ranking import CUTOFF
from model_export.training.run_folder import Run, read_run
from model_export.view import View
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import Bounds

Similar = Callable[[int], list[int]]
"""Item code -> codes of the `CUTOFF` most similar items."""
Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Row:
    """A ranker: its hit rates over pairs of test sessions, the share of the catalogue that it lists, and its time."""

    ranker: str
    next_hr: float
    together_hr: float
    coverage: float
    p50_ms: float


def main() -> None:
    """Print a table."""
    arguments = _arguments()
    with TemporaryDirectory() as folder:
        run, silent = read_run(arguments.run), View(lambda _view: None)
        model = Model(open_artifact(export(run, Path(folder), Bounds(), silent, scheme=arguments.scheme)))
        rows, (follow, share) = _measure(model, run, arguments)
    title = f"{follow:,} pairs of items that follow each other, {share:,} in one session"
    table = Table("ranker", f"next, HR@{CUTOFF}", f"together, HR@{CUTOFF}", f"coverage@{CUTOFF}", "ms", title=title)
    for row in rows:
        figures = (row.next_hr, row.together_hr, row.coverage)
        table.add_row(row.ranker, *(f"{figure:.3f}" for figure in figures), f"{row.p50_ms:.2f}")
    Console(width=100).print(table)
    write_json({"rows": [asdict(row) for row in rows], "pairs": [follow, share]}, arguments.json)


def _measure(model: Model, run: Run, arguments: argparse.Namespace) -> tuple[list[Row], tuple[int, int]]:
    catalogue = [model.vocabulary.item_id(index) for index in range(len(model.vocabulary))]
    train, _ = read_files([str(arguments.train)], Layout())
    test = read_files([str(arguments.test)], Layout())[0].recoded(catalogue)
    next_pairs, together = list(_next(test)), list(_together(test))
    rows = []
    for name, similar in _rankers(model, run, train.recoded(catalogue)).items():
        listed, times = {}, []
        for item in sorted({first for first, _ in (*next_pairs, *together)}):
            begun = time.perf_counter()
            listed[item] = frozenset(similar(item))
            times.append(time.perf_counter() - begun)
        coverage = len(frozenset().union(*listed.values())) / len(catalogue)
        follow, share = (
            float(np.mean([second in listed[first] for first, second in pairs])) for pairs in (next_pairs, together)
        )
        rows.append(Row(name, follow, share, coverage, float(np.median(times)) * 1000))
    return rows, (len(next_pairs), len(together))


def _arguments() -> argparse.Namespace:
    parser = benchmark_parser(__doc__)
    parser.add_argument("run", type=Path, help="a training run")
    parser.add_argument("--scheme", help="the scoring scheme; by default the one that the export chooses")
    parser.add_argument("--train", type=Path, required=True, help="the events that it was trained on")
    parser.add_argument("--test", type=Path, required=True, help="later events")
    return parser.parse_args()


def _next(sessions: Sessions) -> Iterator[tuple[int, int]]:
    for index in range(len(sessions)):
        yield from (pair for pair in pairwise(sessions.session(index).tolist()) if pair[0] != pair[1])


def _together(sessions: Sessions) -> Iterator[tuple[int, int]]:
    for index in range(len(sessions)):
        yield from permutations(dict.fromkeys(sessions.session(index).tolist()), 2)


def _rankers(model: Model, run: Run, train: Sessions) -> dict[str, Similar]:
    table = parameters_of(run).table
    rows = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)

    def by_model(item: int, session: tuple[int, ...]) -> list[int]:
        return [ranked.index for ranked in model.top(model.replay(None, [item]), [item], CUTOFF, session)]

    rankers: dict[str, Similar] = {"the model after this item": lambda item: by_model(item, (item,))}
    if model.has_memory:
        rankers["the same without session memory"] = lambda item: by_model(item, ())
    rankers["cosine of item vectors"] = lambda item: _best(rows @ rows[item], item)
    rankers["sessions in common (cosine)"] = _in_common(train)
    return rankers


def _best(scores: NDArray[np.float32], item: int) -> list[int]:
    scores[item] = -np.inf
    best = np.argpartition(-scores, CUTOFF)[:CUTOFF]
    return [int(code) for code in best]


def _in_common(train: Sessions) -> Similar:
    """Return the ranker that counts the training sessions with both items, over the root of those with each."""
    together: dict[int, dict[int, int]] = {}
    sessions = np.zeros(len(train.catalogue), np.int64)
    for index in range(len(train)):
        items = np.unique(train.session(index)).tolist()
        sessions[items] += 1
        for first, second in combinations(items, 2):
            for one, other in ((first, second), (second, first)):
                counts = together.setdefault(one, {})
                counts[other] = counts.get(other, 0) + 1

    def similar(item: int) -> list[int]:
        counts = together.get(item, {})
        return sorted(counts, key=lambda other: -counts[other] / sessions[other] ** 0.5)[:CUTOFF]

    return similar


if __name__ == "__main__":
    main()
