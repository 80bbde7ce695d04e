"""How the rows of new items are computed where a catalogue is published: the type of the function, and one for none."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.file import Catalogue
from nextitem.model.artifact import Artifact

RowsOfItems = Callable[[Artifact, Catalogue, NDArray[np.int32]], NDArray[np.float32] | None]
"""Computes the rows of new items, float32[positions, hidden], from a model's attribute map; None without one."""


def no_rows(_artifact: Artifact, _catalogue: Catalogue, _positions: NDArray[np.int32]) -> None:
    """Compute no rows: new items wait for the next training."""
