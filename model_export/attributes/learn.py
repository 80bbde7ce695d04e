"""Learn an attribute map: ridge regression of the rows of an item table on the features of their items.

The penalty is the one whose map, learned from four fifths of the items, tells the others apart best: each of them is
looked up among all of them by the row that the map gives it. The mean angle to the true rows would be a worse measure:
it is smallest for a map that places all items near the centre.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from model_export.attributes.attribute_map import AttributeMap
from model_export.attributes.features import SIZE, Features, Floats, features_of, places_of, rarity_of
from nextitem.catalogue.file import Catalogue

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
MAX_FITTED = 20_000
"""Items that a map is learned from: more change it little and take minutes."""
MAX_BY_ITEMS = SIZE
"""Items up to which the regression solves a system as large as they are, and not one as large as the features."""
HELD_OUT = 5
"""Every fifth item is looked up to choose the penalty."""
_MAX_LOOKED_UP = 2000
_CHUNK = 2048

Positions = NDArray[np.int32]


def learn(
    catalogue: Catalogue, positions: Positions, table: Floats, penalty: float | None = None
) -> tuple[AttributeMap, float]:
    """Learn a map, and return it with its penalty.

    Args:
        catalogue: the attributes.
        positions: the catalogue's position of each item.
        table: float32[positions, hidden], the items' rows.
        penalty: the weight of the squared weights; None to choose it.
    """
    if len(positions) > MAX_FITTED:
        chosen = np.linspace(0, len(positions) - 1, MAX_FITTED).astype(np.int64)
        positions, table = positions[chosen], table[chosen]
    places = places_of(catalogue, positions)
    rarity = rarity_of(features_of(catalogue, positions, places))
    features = features_of(catalogue, positions, places, rarity)
    if penalty is None:
        penalty = _best_penalty(features, table)
    centre = table.mean(axis=0)
    everything = np.arange(len(positions))
    weights = _ridge(features, everything, table - centre)(penalty)
    length = float(np.linalg.norm(table, axis=1).mean())
    return AttributeMap(places, rarity, weights, np.asarray(centre, np.float32), length), penalty


def _best_penalty(features: Features, table: Floats) -> float:
    looked_up = np.arange(0, len(table), HELD_OUT)[:_MAX_LOOKED_UP]
    others = np.setdiff1d(np.arange(len(table)), looked_up)
    centre = table[others].mean(axis=0)
    solve = _ridge(features, others, table[others] - centre)
    dense = features.of(looked_up).dense(0, len(looked_up))
    found = {}
    for penalty in PENALTIES:
        rows = dense @ solve(penalty) + centre
        scores = rows @ table[looked_up].T
        ranks = (scores > np.diagonal(scores)[:, None]).sum(axis=1)
        found[penalty] = float((1 / (1 + ranks)).mean())
    return max(PENALTIES, key=lambda penalty: found[penalty])


def _ridge(features: Features, items: NDArray[np.int64], targets: Floats) -> Callable[[float], Floats]:
    """Prepare a regression on the features of some items; return the function from the penalty to the weights.

    With fewer items than features it solves a system as large as the items (the dual form), else one as large as the
    features.
    """
    chosen = features.of(items)
    if len(items) <= MAX_BY_ITEMS:
        dense = chosen.dense(0, len(items)).astype(np.float64)
        products = dense @ dense.T

        def by_items(penalty: float) -> Floats:
            solved = np.linalg.solve(products + penalty * np.eye(len(items)), targets)
            return np.asarray(dense.T @ solved, np.float32)

        return by_items
    products, moments = np.zeros((SIZE, SIZE)), np.zeros((SIZE, targets.shape[1]))
    for first in range(0, len(items), _CHUNK):
        part = chosen.dense(first, min(first + _CHUNK, len(items)))
        products += part.T @ part
        moments += part.T @ targets[first : first + _CHUNK]

    def by_features(penalty: float) -> Floats:
        return np.asarray(np.linalg.solve(products + penalty * np.eye(SIZE), moments), np.float32)

    return by_features
