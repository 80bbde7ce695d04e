"""Compare two catalogues."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.columns import MISSING, BooleanColumn, Column, NumberColumn, TextColumn
from nextitem.catalogue.file import Catalogue

SHOWN = 5
"""Ids of each kind in a comparison."""


@dataclass(frozen=True)
class Group:
    """Items: their number, and the ids of the first of them."""

    count: int
    first: tuple[str, ...]


@dataclass(frozen=True)
class Changes:
    """The differences of two catalogues.

    Attributes:
        before: version of the older one.
        after: version of the newer one.
        added: items that only the newer one has.
        removed: items that only the older one has.
        changed: items of both with another value in a column of both.
        by_column: the number of such items for each column that has some.
        added_columns: columns that only the newer one has, or has in another kind.
        removed_columns: columns that only the older one has, or had in another kind.
    """

    before: str
    after: str
    added: Group
    removed: Group
    changed: Group
    by_column: dict[str, int]
    added_columns: tuple[str, ...]
    removed_columns: tuple[str, ...]


def compare(before: Catalogue, after: Catalogue) -> Changes:
    """Return the differences of two catalogues."""
    place = {item_id: position for position, item_id in enumerate(before.vocabulary.encoded_ids())}
    pairs = np.fromiter((place.get(item_id, -1) for item_id in after.vocabulary.encoded_ids()), np.int64)
    (new,) = np.nonzero(pairs >= 0)
    old = pairs[new]
    kinds = {name: column.kind for name, column in before.columns.items()}
    others = {name: column.kind for name, column in after.columns.items()}
    differs = np.zeros(len(new), np.bool_)
    by_column = {}
    for name in kinds.keys() & others.keys():
        if kinds[name] == others[name]:
            found = _differs(before.columns[name], after.columns[name], old, new)
            differs |= found
            if found.any():
                by_column[name] = int(found.sum())
    gone = np.ones(len(before), np.bool_)
    gone[old] = False
    return Changes(
        before.version,
        after.version,
        _group(after, np.flatnonzero(pairs < 0)),
        _group(before, np.flatnonzero(gone)),
        _group(after, new[differs]),
        {name: by_column[name] for name in after.columns if name in by_column},
        tuple(name for name, kind in others.items() if kinds.get(name) != kind),
        tuple(name for name, kind in kinds.items() if others.get(name) != kind),
    )


def _differs(before: Column, after: Column, old: NDArray[np.int64], new: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of the pairs of items have other values in a column."""
    if isinstance(before, NumberColumn) and isinstance(after, NumberColumn):
        one, other = before.values[old], after.values[new]
        return np.not_equal(one, other) & ~(np.isnan(one) & np.isnan(other))
    if isinstance(before, BooleanColumn) and isinstance(after, BooleanColumn):
        return np.not_equal(before.values[old], after.values[new])
    if isinstance(before, TextColumn) and isinstance(after, TextColumn):
        return _texts_differ(before, after, old, new)
    raise TypeError(f"two columns of kind {before.kind} and {after.kind} are compared")


def _texts_differ(
    before: TextColumn, after: TextColumn, old: NDArray[np.int64], new: NDArray[np.int64]
) -> NDArray[np.bool_]:
    # The codes of the older column as those of the newer one; a text that it does not have gets a code of no text.
    absent = len(after.values)
    found = [after.values.code_of(before.values[code]) for code in range(len(before.values))]
    codes = np.array([*(absent if code is None else code for code in found), MISSING], np.int64)
    if before.starts is None or after.starts is None:
        return np.not_equal(codes[before.codes[old]], after.codes[new])
    return np.array(
        [
            not np.array_equal(codes[before.codes_at(one)], after.codes_at(other))
            for one, other in zip(old.tolist(), new.tolist(), strict=True)
        ],
        np.bool_,
    )


def _group(catalogue: Catalogue, positions: NDArray[np.int64]) -> Group:
    shown: Sequence[int] = positions[:SHOWN].tolist()
    return Group(len(positions), tuple(catalogue.vocabulary.item_id(position) for position in shown))
