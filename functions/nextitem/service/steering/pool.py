"""A pool: the items that may take a place, narrowed step by step."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.selection import Selection
from nextitem.model.engine import NOTHING, Mask


class Pool(msgspec.Struct, frozen=True):
    """Some items, or all but some.

    Attributes:
        listed: indices in an order that counts between equal scores, int64[n]; None for all items but `left_out`.
        left_out: bool[items], or bool[0] for none; not used with a list.
    """

    listed: NDArray[np.int64] | None = None
    left_out: Mask = NOTHING

    @property
    def is_empty(self) -> bool:
        """Whether no item is in it for certain: a mask is not counted."""
        return self.listed is not None and not len(self.listed)

    def keep(self, selection: Selection) -> "Pool":
        """Return the pool of the items that a selection has, too."""
        if self.listed is not None:
            return Pool(self.listed[selection.contains(self.listed)])
        if selection.listed is not None:
            listed = selection.listed
            return Pool(listed[~self.left_out[listed]] if self.left_out.size else listed)
        if selection.left_out is None:
            return self
        return Pool(left_out=self.left_out | selection.left_out if self.left_out.size else selection.left_out)

    def drop(self, selection: Selection, items: int) -> "Pool":
        """Return the pool without the items of a selection.

        Args:
            selection: what goes.
            items: the number of all items.
        """
        if self.listed is not None:
            return Pool(self.listed[~selection.contains(self.listed)])
        left_out = self.left_out.copy() if self.left_out.size else np.zeros(items, np.bool_)
        if selection.listed is not None:
            left_out[selection.listed] = True
        elif selection.left_out is None:
            left_out[:] = True
        else:
            left_out |= ~selection.left_out
        return Pool(left_out=left_out)


EVERYTHING = Pool()
