"""The items that a model version can recommend with a catalogue: the model's own, then the catalogue's new ones."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.bounded_cache import BoundedCache
from nextitem.catalogue.join import NOT_SOLD, Join
from nextitem.catalogue.selection import Selection
from nextitem.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from nextitem.catalogue.aligned import AlignedColumns
    from nextitem.catalogue.expressions import Filter
    from nextitem.catalogue.file import Catalogue

NOT_SERVED = -1
"""The index of a catalogue's item that the model does not have and that has no row."""
SELECTION_BYTES = 32 << 20
"""Bound of the selections that one model version keeps, with their filters: 32 masks of a million items."""


class ServedItems:
    """Item ids, indices and attributes of one model version with one catalogue, or with none.

    An item's index is the model's, 0 to N - 1, or N and its place among the new items of the join. Without a catalogue
    there are the model's items only, and they have no attributes.

    A process has the join of its catalogue before the catalogue itself (`Router`): which items there are, and which of
    them are out of stock, is known from the join; only attributes need the catalogue.

    Attributes:
        catalogue: the catalogue, or None.
        join: its join with the model, or None.
        position_of: the catalogue's position of each index, int32[N + new], `join.NOT_SOLD` where it has none.
        index_of: the index of each position, int32[catalogue's items], `NOT_SERVED` where it has none.
        new_rows: rows of the item table of the new items, float32[new, hidden].
        unavailable: which indices must not be recommended, bool[N + new], or bool[0] if none must not.
        selections: what filters kept of the items, for `masks.select`.
        aligned: the catalogue's columns by index; None without a catalogue.
    """

    def __init__(
        self, vocabulary: Vocabulary, hidden: int, catalogue: "Catalogue | None" = None, join: Join | None = None
    ) -> None:
        """Take a model's ids and, if there is a catalogue, both it and its join with the model.

        Args:
            vocabulary: the model's ids.
            hidden: the model's hidden size.
            catalogue: the route's catalogue.
            join: its join with the model.
        """
        self._model, self.catalogue, self.join = vocabulary, catalogue, join
        self.selections: BoundedCache[Filter, Selection] = BoundedCache(SELECTION_BYTES)
        self.aligned: AlignedColumns | None = None
        self.new_rows: NDArray[np.float32] = np.empty((0, hidden), np.float32)
        self.position_of: NDArray[np.int32] | None = None
        self.index_of: NDArray[np.int32] | None = None
        self._out_of_stock: NDArray[np.int32] = np.empty(0, np.int32)
        if join is not None:
            if len(join.new_positions):
                self.new_rows = join.new_rows
            self._out_of_stock = join.out_of_stock
            self.position_of = np.concatenate([join.position_of, join.new_positions])
        if self.position_of is not None and catalogue is not None:
            self.index_of = np.full(len(catalogue), NOT_SERVED, np.int32)
            (sold,) = np.nonzero(self.position_of != NOT_SOLD)
            self.index_of[self.position_of[sold]] = sold
            self.aligned = _aligned(catalogue, self.position_of)
        self.unavailable: NDArray[np.bool_] = np.empty(0, np.bool_)
        self.set_unavailable(())

    def __len__(self) -> int:
        return len(self._model) + len(self.new_rows)

    @property
    def new_digest(self) -> str:
        """A digest of the new items' ids and rows; empty where there are none."""
        return "" if self.join is None else self.join.new_digest

    @property
    def of_model(self) -> int:
        """The number N of the model's own items: the index of the first new one."""
        return len(self._model)

    def index(self, item_id: str) -> int | None:
        """Return an item's index, or None if it cannot be recommended."""
        index = self._model.index(item_id)
        if index is not None or not len(self.new_rows):
            return index
        return self._new_index.get(item_id)

    @cached_property
    def _new_index(self) -> dict[str, int]:
        new_ids = () if self.join is None else self.join.new_ids
        return {item_id: index for index, item_id in enumerate(new_ids, len(self._model))}

    def indices(self, item_ids: Iterable[str]) -> list[int]:
        """Return the indices of the items that can be recommended, in their order; others are left out."""
        return [index for index in map(self.index, item_ids) if index is not None]

    def item_id(self, index: int) -> str:
        """Return the id at an index, 0 to ``len(self) - 1``."""
        if index < len(self._model) or self.join is None:
            return self._model.item_id(index)
        return self.join.new_ids[index - len(self._model)]

    def set_unavailable(self, item_ids: Iterable[str]) -> None:
        """Replace the set of unavailable items. Requests under way keep the previous set.

        Items that the catalogue says are out of stock are unavailable, too: `available` is false, or `stock` is at
        most 0. Items that the catalogue does not have, or of which it does not say so, are available.

        Args:
            item_ids: ids; unknown ones are ignored.
        """
        items = self.indices(item_ids)
        mask = np.zeros(len(self) if items or len(self._out_of_stock) else 0, np.bool_)
        mask[items] = True
        mask[self._out_of_stock] = True
        self.unavailable = mask

    def fields(self, index: int, names: Sequence[str]) -> dict[str, Any]:
        """Return attributes of an item as JSON has them, None where it has none; nothing without a catalogue.

        Raises:
            KeyError: the catalogue has no such column.
        """
        if self.catalogue is None or self.position_of is None:
            return {}
        position = int(self.position_of[index])
        return {name: None if position == NOT_SOLD else self.catalogue.value(name, position) for name in names}


def _aligned(catalogue: "Catalogue", position_of: NDArray[np.int32]) -> "AlignedColumns":
    from nextitem.catalogue.aligned import AlignedColumns  # imported lazily: a cold start has no catalogue yet

    return AlignedColumns(catalogue.columns, position_of)
