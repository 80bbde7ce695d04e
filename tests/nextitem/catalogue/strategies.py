"""Catalogues as plain rows, for hypothesis, how they are written, and how a model serves them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from nextitem.catalogue.columns import Kind
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.join import join_of
from nextitem.catalogue.selection import Selection
from nextitem.catalogue.served_items import ServedItems
from nextitem.catalogue.times import MAX_MS, MIN_MS
from nextitem.catalogue.version import version_of_catalogue
from nextitem.catalogue.writer import (
    ColumnData,
    boolean_data,
    list_data,
    number_data,
    text_data,
    write_catalogue,
)
from nextitem.model.vocabulary import Vocabulary, write_vocabulary

Cells = dict[str, tuple[Kind, list[Any]]]
"""The values of each column, None where an item has none; times are milliseconds."""

TEXTS = st.sampled_from(["shoes", "hats", "tés", "", "日本"]) | st.text(max_size=8)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "strings": st.lists(TEXTS, min_size=1, max_size=4, unique=True),
    "number": st.integers(-5, 5).map(float) | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "time": st.integers(int(MIN_MS), int(MAX_MS)).map(float),
}
IDS = st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=12).map(lambda ids: sorted(ids, key=str.encode))


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[list[str], Cells]:
    """Draw sorted item ids and columns of every kind."""
    ids = draw(IDS)
    names = draw(st.lists(st.sampled_from(["brand", "price", "tags", "new", "since"]), unique=True))
    cells: Cells = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(VALUES)))
        values = st.lists(st.none() | VALUES[kind], min_size=len(ids), max_size=len(ids))
        cells[name] = (kind, draw(values))
    return ids, cells


def column_data(kind: Kind, values: Sequence[Any]) -> ColumnData:
    """Return the writer's form of a column."""
    if kind == "string":
        return text_data(values)
    if kind == "strings":
        return list_data(values)
    if kind == "boolean":
        return boolean_data(values)
    return number_data(values, "time" if kind == "time" else "number")


def written(path: Path, ids: Sequence[str], cells: Cells, named: dict[str, Any] | None = None) -> Catalogue:
    """Write a catalogue and open it."""
    path.unlink(missing_ok=True)  # an open catalogue maps the old file
    columns = {name: column_data(kind, values) for name, (kind, values) in cells.items()}
    write_catalogue(path, ids, columns, named or {})
    return Catalogue(path, version_of_catalogue(path))


def served(folder: Path, catalogue: Catalogue, known: list[str]) -> ServedItems:
    """The items of a model that has these ids."""
    path = folder / "vocabulary.bin"
    path.unlink(missing_ok=True)
    write_vocabulary(path, known)
    vocabulary = Vocabulary(path)
    return ServedItems(vocabulary, 4, catalogue, join_of(vocabulary, catalogue))


def kept(selection: Selection, size: int) -> list[int]:
    """The indices that a selection keeps of so many."""
    indices = np.flatnonzero(selection.contains(np.arange(size))).tolist()
    assert selection.kept == len(indices)
    return indices
