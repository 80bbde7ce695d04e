"""A shop of 120 items in 8 categories, whose rows follow from the category and a little from the colour."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from model_export.data.session_events import SessionEvents
from model_export.training.run_folder import Run
from nextitem.catalogue.file import Catalogue
from tests.model_export.tiny import random_run
from tests.nextitem.catalogue.strategies import written

ITEMS, CATEGORIES, COLOURS, HIDDEN = 120, 8, 5, 32
CATEGORY = np.arange(ITEMS) % CATEGORIES
COLOUR = np.arange(ITEMS) // CATEGORIES % COLOURS
IDS = [f"item-{code:05}" for code in range(ITEMS)]
NEW = ["new-0", "new-1"]
"""Items of the categories 3 and 4 that no run knows."""


def shop(path: Path, *, telling: bool = True) -> Catalogue:
    """The catalogue of all items; unless it is telling, each item has the attributes of some other one."""
    order = np.arange(ITEMS) if telling else np.random.default_rng(1).permutation(ITEMS)
    category, colour = [*CATEGORY[order], 3, 4], [*COLOUR[order], 1, 2]
    count = ITEMS + len(NEW)
    return written(
        path,
        [*IDS, *NEW],
        {
            "title": ("string", [f"the kind{of} in tint{tint}" for of, tint in zip(category, colour, strict=True)]),
            "category": ("string", [f"kind {of}" for of in category]),
            "price": ("number", [float(10 * of + 1) for of in category]),
            "stock": ("number", np.random.default_rng(2).integers(0, 99, count).astype(float).tolist()),
        },
    )


def table() -> NDArray[np.float32]:
    """Rows of unit length: near to each other within a category, nearer with the same colour."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(CATEGORIES, HIDDEN))[CATEGORY] + 0.3 * rng.normal(size=(COLOURS, HIDDEN))[COLOUR]
    rows += 0.15 * rng.normal(size=rows.shape)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def run_of_shop() -> Run:
    """A run whose state is near the row of the newest item; its sessions stay in a category."""
    run = random_run(ITEMS, HIDDEN, table=table())
    weights = {name: np.zeros_like(values) for name, values in run.weights.items()}
    weights["table"] = run.weights["table"]
    weights["gru.weight_ih_l0"][2 * HIDDEN :] = np.eye(HIDDEN)
    weights["gru.bias_ih_l0"][HIDDEN : 2 * HIDDEN] = -20.0  # forget the state before
    rng = np.random.default_rng(4)
    sessions = tuple(
        SessionEvents.views(rng.choice(np.flatnonzero(number % CATEGORIES == CATEGORY), 6).astype(np.int32))
        for number in range(60)
    )
    return msgspec.structs.replace(run, weights=weights, held_out=sessions)
