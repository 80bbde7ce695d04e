"""The join of a catalogue and a model version: which item of the one is which item of the other.

It is computed where a catalogue is published or a version promoted, so that no cold start pays for it.
"""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.arrays_file import open_arrays, write_arrays
from nextitem.errors import ArtifactCorrupt
from nextitem.model.vocabulary import Vocabulary

MAGIC = b"NIJOIN_1"
NOT_SOLD = -1
"""The position of an item that the catalogue does not have."""


class Join(msgspec.Struct, frozen=True):
    """One catalogue with one model version.

    Attributes:
        position_of: the catalogue's position of each of the model's items, int32[items], `NOT_SOLD` where it has none.
        new_positions: the positions of the items that only the catalogue has and that have a row, int32[new], sorted.
        new_rows: their rows of the item table, float32[new, hidden]; no items where the version has no attribute map.
    """

    position_of: NDArray[np.int32]
    new_positions: NDArray[np.int32]
    new_rows: NDArray[np.float32]


def join_of(
    model: Vocabulary,
    catalogue: Vocabulary,
    new_positions: NDArray[np.int32] | None = None,
    new_rows: NDArray[np.float32] | None = None,
) -> Join:
    """Join the ids of a model and of a catalogue; takes microseconds for each item of the smaller one.

    Args:
        model: the model's ids.
        catalogue: the catalogue's ids.
        new_positions: see `Join`; None for none.
        new_rows: see `Join`; None for none.
    """
    positions = np.full(len(model), NOT_SOLD, np.int32)
    if len(catalogue) < len(model):
        for position in range(len(catalogue)):
            index = model.index(catalogue.item_id(position))
            if index is not None:
                positions[index] = position
    else:
        for index in range(len(model)):
            position_or_none = catalogue.index(model.item_id(index))
            positions[index] = NOT_SOLD if position_or_none is None else position_or_none
    no_positions = np.empty(0, np.int32) if new_positions is None else new_positions
    return Join(positions, no_positions, np.empty((0, 0), np.float32) if new_rows is None else new_rows)


def new_positions_of(model: Vocabulary, catalogue: Vocabulary) -> NDArray[np.int32]:
    """Return the positions of the catalogue's items that the model does not have, sorted."""
    positions = (position for position in range(len(catalogue)) if model.index(catalogue.item_id(position)) is None)
    return np.fromiter(positions, np.int32)


def write_join(path: Path, join: Join) -> None:
    """Write a join; the same join gives the same bytes."""
    arrays = {"position_of": join.position_of, "new_positions": join.new_positions, "new_rows": join.new_rows}
    write_arrays(path, MAGIC, None, arrays)


def open_join(path: Path, items: int, catalogue: int, hidden: int) -> Join:
    """Map a join.

    Args:
        path: the file.
        items: the number of the model's items.
        catalogue: the number of the catalogue's items.
        hidden: the model's hidden size.

    Raises:
        ArtifactCorrupt: it is no join, it is truncated, or it belongs to another model or catalogue.
    """
    arrays = open_arrays(path, MAGIC).arrays
    try:
        join = Join(*(arrays[name] for name in ("position_of", "new_positions", "new_rows")))
    except KeyError as error:
        raise ArtifactCorrupt(f"{path.name} is not a join: it lacks {error}") from None
    types = [array.dtype.str for array in (join.position_of, join.new_positions, join.new_rows)]
    new = len(join.new_positions)
    fits = (
        types == ["<i4", "<i4", "<f4"]
        and join.position_of.shape == (items,)
        and join.new_positions.ndim == 1
        and (join.new_rows.shape == (new, hidden) or (new == 0 and join.new_rows.size == 0))
        and bool((join.position_of >= NOT_SOLD).all() and (join.position_of < catalogue).all())
        and bool((join.new_positions >= 0).all() and (join.new_positions < catalogue).all())
        and bool((np.diff(join.new_positions) > 0).all())
        and bool(np.isfinite(join.new_rows).all())
    )
    if not fits:
        raise ArtifactCorrupt(f"{path.name} belongs to another model or catalogue, or its arrays contradict each other")
    return join
