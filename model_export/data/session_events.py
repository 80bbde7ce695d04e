"""The events of one session: their items and types."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import next_items


@dataclass(frozen=True, eq=False)
class SessionEvents:
    """Events, oldest first.

    Attributes:
        items: int32[n], item codes.
        types: int8[n], type codes; 0 is a view.

    Example:
        ``events[:-1]`` are all events but the last.
    """

    items: NDArray[np.int32]
    types: NDArray[np.int8]

    @classmethod
    def views(cls, items: NDArray[np.int32]) -> Self:
        """Return views of items."""
        return cls(items, np.zeros(len(items), np.int8))

    @property
    def is_next_item(self) -> NDArray[np.bool_]:
        """bool[n - 1], which events after the first are next items to predict."""
        return next_items(self.items, self.types)

    @property
    def targets(self) -> int:
        """The number of next items to predict."""
        return int(np.count_nonzero(self.is_next_item)) if len(self) else 0

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.items)

    def __getitem__(self, part: slice) -> Self:
        """Return some of the events."""
        return type(self)(self.items[part], self.types[part])
