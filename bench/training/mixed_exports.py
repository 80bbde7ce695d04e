"""How often a model recommends the item just seen, by which events of an export count.

    python -m bench.training.mixed_exports [--sessions 20000] [--epochs 4] [--json FILE]

A simulated shop's export mixes views, carts and purchases, and holds some rows twice. It is split and trained with the
options of each case; every model is asked after each view of the same test sessions.
"""

import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from model_export.data.ingestion.reader import read_sessions
from model_export.data.sessions import Sessions
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.metrics.ranking import accuracy
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model

CASES = {
    "every event": ("--collapse", "nothing"),
    "views only": ("--collapse", "nothing", "--type-column", "event", "--keep", "view"),
    "repeats dropped": ("--collapse", "repeats"),
    "types as an input": ("--collapse", "repeats", "--type-column", "event"),
}
"""The options of each case."""
CART_SHARE, PURCHASE_SHARE, DUPLICATE_SHARE = 0.3, 0.4, 0.01
"""Shares: of views that get a cart, of carts that get a purchase, of all rows that are there twice."""
CART_SECONDS, PURCHASE_SECONDS = 4, 9
"""Seconds after the view."""


@dataclass(frozen=True)
class MixedResult:
    """The share of answers whose first item is the item just seen, and the metrics, on the same test sessions."""

    case: str
    same_first: float
    hr: float
    mrr: float
    targets: int


def main() -> None:
    """Print a row for each case."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--sessions", type=int, default=20_000, help="simulated sessions (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of a training (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nextitem-") as folder:
        results = measure(Path(folder), options.sessions, options.epochs)
    for result in results:
        print(
            f"{result.case:28} same item first {result.same_first:6.1%}, HR@20 {result.hr:.3f}, MRR@20 {result.mrr:.3f}"
        )
    write_json([asdict(result) for result in results], options.json)


def measure(folder: Path, sessions: int, epochs: int) -> list[MixedResult]:
    """Train a model for each case, and ask it after each view of the test sessions."""
    nextitem("simulate", "--out", str(folder / "clean.csv"), "--sessions", str(sessions))
    mixed = folder / "mixed.csv"
    write_mixed(folder / "clean.csv", mixed, np.random.default_rng(5))
    held_out = folder / "test.csv"
    nextitem("split", str(folder / "clean.csv"), "--train-out", str(folder / "unused.csv"), "--test-out", str(held_out))
    test, results = read_sessions(held_out), []
    for number, (case, options) in enumerate(CASES.items()):
        train, run = folder / f"train{number}.csv.gz", folder / f"run{number}"
        nextitem("split", str(mixed), "--train-out", str(train), "--test-out", str(folder / "unused.csv"), *options)
        settings = ["--hidden", "64", "--epochs", str(epochs), "--collapse", "nothing"]
        if "--type-column" in options and "--keep" not in options:
            settings += ["--type-column", "type"]
        nextitem("train", str(train), "--out", str(run), *settings)
        artifact = Path(nextitem("export", str(run), "--out", str(folder / f"artifacts{number}")))
        results.append(asked(case, artifact, test))
    return results


def nextitem(*arguments: str) -> str:
    """Run a command, and return its standard output."""
    command = [sys.executable, "-m", "model_export.cli", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def write_mixed(clean: Path, mixed: Path, generator: np.random.Generator) -> None:
    """Write an export with views, carts, purchases and duplicates."""
    header, *lines = clean.read_text().splitlines()
    names = header.split(",")
    rows = []
    for line in lines:
        row = dict(zip(names, line.split(","), strict=True))
        prefix, time = f"{row['session_id']},{row['item_id']}", float(row["timestamp"])
        rows.append(f"{prefix},{time:.3f},view")
        if generator.random() < CART_SHARE:
            rows.append(f"{prefix},{time + CART_SECONDS:.3f},cart")
            if generator.random() < PURCHASE_SHARE:
                rows.append(f"{prefix},{time + PURCHASE_SECONDS:.3f},purchase")
    twice = [row for row in rows if generator.random() < DUPLICATE_SHARE]
    mixed.write_text("\n".join(["session_id,item_id,timestamp,event", *rows, *twice]) + "\n")


def asked(case: str, artifact: Path, test: Sessions) -> MixedResult:
    """Ask a model after each view of the test sessions."""
    model = Model(open_artifact(artifact))
    ranker = EngineRanker(model)
    known = test.recoded([model.vocabulary.item_id(index) for index in range(len(model.vocabulary))])
    ranks: list[NDArray[np.float64]] = []
    same: list[NDArray[np.bool_]] = []
    for index in range(len(known)):
        session = known.session(index)
        ranked = ranker.rank(session).with_seen
        ranks.append(ranked.ranks)
        same.append(ranked.top[:, 0] == session[:-1])
    figures = accuracy(np.concatenate(ranks))
    share = float(np.concatenate(same).mean())
    return MixedResult(case, share, figures.hr, figures.mrr, sum(map(len, ranks)))


if __name__ == "__main__":
    main()
