"""The items that a model version can recommend with a catalogue: the model's own, then the catalogue's new ones."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.join import NOT_SOLD, Join
from nextitem.model.vocabulary import Vocabulary

NOT_SERVED = -1
"""The index of a catalogue's item that the model does not have and that has no row."""


class ServedItems:
    """Item ids, indices and attributes of one model version with one catalogue, or with none.

    An item's index is the model's, 0 to N - 1, or N and its place among the new items of the join. Without a catalogue
    there are the model's items only, and they have no attributes.

    Attributes:
        catalogue: the catalogue, or None.
        position_of: the catalogue's position of each index, int32[N + new], `join.NOT_SOLD` where it has none.
        index_of: the index of each position, int32[catalogue's items], `NOT_SERVED` where it has none.
        new_rows: rows of the item table of the new items, float32[new, hidden].
    """

    def __init__(
        self, vocabulary: Vocabulary, hidden: int, catalogue: Catalogue | None = None, join: Join | None = None
    ) -> None:
        """Take a model's ids and, if there is a catalogue, both it and its join with the model.

        Args:
            vocabulary: the model's ids.
            hidden: the model's hidden size.
            catalogue: the route's catalogue.
            join: its join with the model.
        """
        self._model, self.catalogue = vocabulary, catalogue
        self.new_rows: NDArray[np.float32] = np.empty((0, hidden), np.float32)
        self.position_of: NDArray[np.int32] | None = None
        self.index_of: NDArray[np.int32] | None = None
        if catalogue is not None and join is not None:
            if len(join.new_positions):
                self.new_rows = join.new_rows
            self.position_of = np.concatenate([join.position_of, join.new_positions])
            self.index_of = np.full(len(catalogue), NOT_SERVED, np.int32)
            (sold,) = np.nonzero(self.position_of != NOT_SOLD)
            self.index_of[self.position_of[sold]] = sold

    def __len__(self) -> int:
        return len(self._model) + len(self.new_rows)

    @property
    def of_model(self) -> int:
        """The number N of the model's own items: the index of the first new one."""
        return len(self._model)

    def index(self, item_id: str) -> int | None:
        """Return an item's index, or None if it cannot be recommended."""
        index = self._model.index(item_id)
        if index is not None or not len(self.new_rows):
            return index
        position = None if self.catalogue is None else self.catalogue.vocabulary.index(item_id)
        if position is None or self.index_of is None:
            return None
        new = int(self.index_of[position])
        return None if new == NOT_SERVED else new

    def indices(self, item_ids: Iterable[str]) -> list[int]:
        """Return the indices of the items that can be recommended, in their order; others are left out."""
        return [index for index in map(self.index, item_ids) if index is not None]

    def item_id(self, index: int) -> str:
        """Return the id at an index, 0 to ``len(self) - 1``."""
        if index < len(self._model) or self.catalogue is None or self.position_of is None:
            return self._model.item_id(index)
        return self.catalogue.vocabulary.item_id(int(self.position_of[index]))

    def fields(self, index: int, names: Sequence[str]) -> dict[str, Any]:
        """Return attributes of an item as JSON has them, None where it has none; nothing without a catalogue.

        Raises:
            KeyError: the catalogue has no such column.
        """
        if self.catalogue is None or self.position_of is None:
            return {}
        position = int(self.position_of[index])
        return {name: None if position == NOT_SOLD else self.catalogue.value(name, position) for name in names}
