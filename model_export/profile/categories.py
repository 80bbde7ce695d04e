"""The category of items, from a catalogue."""

from collections.abc import Sequence

import numpy as np

from model_export.profile.document import MAX_CATEGORIES, Categories, most_frequent
from model_export.profile.habits import Counts
from nextitem.catalogue.columns import MISSING, TextColumn
from nextitem.catalogue.file import Catalogue

CATEGORY = "category"


def category_column(catalogue: Catalogue) -> tuple[str, TextColumn] | None:
    """Return the column of texts that most items share: `category` if there is one."""
    texts = {
        name: column
        for name, column in catalogue.columns.items()
        if isinstance(column, TextColumn) and column.starts is None and 1 < len(column.values) <= len(catalogue) // 2
    }
    if not texts:
        return None
    name = CATEGORY if CATEGORY in texts else min(texts, key=lambda name: len(texts[name].values))
    return name, texts[name]


def category_codes(column: TextColumn, catalogue: Catalogue, item_ids: Sequence[str]) -> Counts:
    """Return the code of each item's category, int64[items]; `MISSING` for one that the catalogue does not have."""
    positions = [catalogue.vocabulary.index(item_id) for item_id in item_ids]
    known = np.array([-1 if position is None else position for position in positions], np.int64)
    return np.where(known < 0, MISSING, column.codes[known]).astype(np.int64)


def categories_of(catalogue: Catalogue, item_ids: Sequence[str], items: Counts) -> Categories | None:
    """Return the events by category, or None if the catalogue has no categories.

    Args:
        catalogue: the attributes of items.
        item_ids: ids of items.
        items: int64[items], their events.
    """
    found = category_column(catalogue)
    if found is None:
        return None
    name, column = found
    codes = category_codes(column, catalogue, item_ids)
    counts = np.bincount(codes - MISSING, weights=items, minlength=len(column.values) - MISSING).astype(np.int64)
    names = [column.values[code] for code in range(len(column.values))]
    events = most_frequent(names, counts[-MISSING:], MAX_CATEGORIES)
    return Categories(name, events, int(counts.sum()) - sum(events.values()))
