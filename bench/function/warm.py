"""A warm request inside the function, 40,000 items: an event appended to a session, beside the stateless route.

The store is on loopback; weights are random, for latency does not depend on their values. The function's own times
are from its metrics records. `python -m bench.function.warm [--items 40000 --rounds 2000 --json PATH]`
"""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from bench.common.results import write_json
from bench.common.timing import print_shares, print_timed, summary
from bench.function.requests import OURS, PHASES, TOTAL, Measured, measure
from model_export.export.export import export
from model_export.training.run_folder import Run, RunRecord
from nextitem.model.manifest import Bounds, PopularItem, Training

ITEMS = 40_000
HIDDEN = 128
ANY_LOSS = Bounds(overlap=0.0, hr_delta=1.0)
"""Random weights keep little of their order in 8 bits, and nobody is recommended anything here."""
SCHEME = "8-bit"
"""Of random weights any scheme would do, and the cheapest be chosen; this one loses no hit on real ones."""
POPULAR = 1000
HELD_OUT = 8
"""Sessions that the export certifies."""


def main() -> None:
    """Print the client's table, then the function's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        artifact = random_artifact(arguments.items, Path(folder))
        measured = measure(artifact, _item_ids(arguments.items), arguments.rounds)
    print_timed(f"{arguments.items:,} items, hidden size {HIDDEN}, as the client sees it", measured.client, OURS)
    for name, metrics in measured.function.items():
        print_shares(f"Inside the function: {name}", metrics, TOTAL, PHASES)
    if arguments.json:
        write_json(_document(measured, arguments.items, arguments.rounds), arguments.json)


def random_artifact(items: int, folder: Path) -> Path:
    """Export a model of random weights.

    Args:
        items: its catalogue, named `item-000000` and so on.
        folder: where the artifact's folder is made.
    """
    return export(random_run(items), folder, ANY_LOSS, lambda _stage: None, scheme=SCHEME)


def _item_ids(items: int) -> tuple[str, ...]:
    return tuple(f"item-{code:06}" for code in range(items))


def _document(measured: Measured, items: int, rounds: int) -> dict[str, object]:
    """Return the figures as they stand in the file, all times in milliseconds."""
    contenders = {
        name: {"client": asdict(client), "function": _phases(measured.function[name])}
        for name, client in measured.client.items()
    }
    return {"items": items, "hidden": HIDDEN, "rounds": rounds, "contenders": contenders}


def _phases(metrics: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    return {name: asdict(summary(times)) for name, times in metrics.items()}


def random_run(items: int) -> Run:
    """Return a run of random weights over items named `item-000000` and so on."""
    chance = np.random.default_rng(1)

    def some(*shape: int) -> NDArray[np.float32]:
        return chance.normal(0.0, HIDDEN**-0.5, shape).astype(np.float32)

    weights = {"table": some(items, HIDDEN)}
    for part in ("ih", "hh"):
        weights[f"gru.weight_{part}_l0"] = some(3 * HIDDEN, HIDDEN)
        weights[f"gru.bias_{part}_l0"] = some(3 * HIDDEN)
    record = RunRecord(
        training=Training("", 0, 0, 0, 0, 0, 0, {}),
        items=items,
        hidden=HIDDEN,
        layers=1,
        normalised=True,
        temperature=0.07,
        validation={},
        history=(),
        popular=tuple(PopularItem(code, 1 / (code + 2)) for code in range(min(items, POPULAR))),
        libraries={},
    )
    held_out = tuple(chance.integers(0, items, 8).astype(np.int32) for _ in range(HELD_OUT))
    return Run(record, weights, _item_ids(items), held_out)


if __name__ == "__main__":
    main()
