"""Models of random weights: latency and memory do not depend on the values."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.data.session_events import SessionEvents
from model_export.export.export import export
from model_export.progress import Unwatched
from model_export.training.run_folder import Run, RunRecord
from nextitem.model.manifest import Bounds, PopularItem, Training

HIDDEN = 128
SCHEME = "8-bit"
"""Any scheme fits random weights, so the exporter would take the cheapest; this one keeps all hits on real weights."""
POPULAR = 1000
HELD_OUT = 8
"""Sessions that the export certifies."""
_NO_BOUNDS = Bounds(overlap=0.0, hr_delta=1.0)
"""Random weights keep little of their order in 8 bits."""


def random_artifact(items: int, folder: Path, scheme: str = SCHEME) -> Path:
    """Export a model of random weights over `item_ids(items)` into a folder; return the artifact's own folder."""
    return export(_random_run(items), folder, _NO_BOUNDS, Unwatched(), scheme=scheme)


def item_ids(items: int) -> tuple[str, ...]:
    """Return the catalogue's ids: `item-000000` and so on."""
    return tuple(f"item-{code:06}" for code in range(items))


def _random_run(items: int) -> Run:
    random = np.random.default_rng(1)

    def draw(*shape: int) -> NDArray[np.float32]:
        return random.normal(0.0, HIDDEN**-0.5, shape).astype(np.float32)

    weights = {"table": draw(items, HIDDEN)}
    for part in ("ih", "hh"):
        weights[f"gru.weight_{part}_l0"] = draw(3 * HIDDEN, HIDDEN)
        weights[f"gru.bias_{part}_l0"] = draw(3 * HIDDEN)
    record = RunRecord(
        training=Training("", 0, 0, 0, 0, 0, 0, {}),
        items=items,
        hidden=HIDDEN,
        layers=1,
        normalised=True,
        temperature=0.07,
        validation={},
        curves=(),
        popular=tuple(PopularItem(code, 1 / (code + 2)) for code in range(min(items, POPULAR))),
        libraries={},
    )
    held_out = tuple(SessionEvents.views(random.integers(0, items, 8).astype(np.int32)) for _ in range(HELD_OUT))
    return Run(record, weights, item_ids(items), held_out)
