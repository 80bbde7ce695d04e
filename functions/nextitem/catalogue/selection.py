"""The items that a filter keeps, as the engine takes them: a short list of indices, or a mask of all items."""

import msgspec
import numpy as np
from numpy.typing import NDArray

MAX_LISTED = 4096
"""The longest list. The engine reads the rows of a list and scores them exactly, which is faster than a pass over the
catalogue up to about this length."""


class Selection(msgspec.Struct, frozen=True):
    """The items that a filter keeps.

    Attributes:
        kept: their number.
        listed: their indices, sorted, int64[kept]; None if there is a mask.
        left_out: the other items, bool[items]; None if there is a list.
    """

    kept: int
    listed: NDArray[np.int64] | None = None
    left_out: NDArray[np.bool_] | None = None

    @property
    def size(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in (self.listed, self.left_out) if array is not None)

    def contains(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of some items it keeps, bool[indices]."""
        if self.listed is not None:
            return np.isin(indices, self.listed)
        return np.ones(len(indices), np.bool_) if self.left_out is None else ~self.left_out[indices]


def of_mask(kept: NDArray[np.bool_]) -> Selection:
    """Return the selection of a mask of kept items, bool[items]."""
    count = int(np.count_nonzero(kept))
    return Selection(count, listed=np.flatnonzero(kept)) if count <= MAX_LISTED else Selection(count, left_out=~kept)


def of_indices(indices: NDArray[np.int64], items: int) -> Selection:
    """Return the selection of distinct indices among so many items."""
    if len(indices) <= MAX_LISTED:
        return Selection(len(indices), listed=np.sort(indices))
    left_out = np.ones(items, np.bool_)
    left_out[indices] = False
    return Selection(len(indices), left_out=left_out)
