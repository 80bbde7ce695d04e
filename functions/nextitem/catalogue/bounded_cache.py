"""Keep what was used last, up to a number of bytes."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")


class BoundedCache(Generic[_Key, _Kept]):
    """Values by their keys. Beyond the bound, the ones that were not used for longest are forgotten.

    Threads may share it.

    Args:
        max_bytes: the bound; a value that is larger alone is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self._bytes = max_bytes, 0
        self._kept: OrderedDict[_Key, tuple[_Kept, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key) -> _Kept | None:
        """Return a value, or None if it is not kept."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            self._kept.move_to_end(key)
            return kept[0]

    def keep(self, key: _Key, value: _Kept, size: int) -> None:
        """Keep a value, unless another thread has done so meanwhile.

        Args:
            key: its key.
            value: the value.
            size: the bytes of both.
        """
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = value, size
            self._bytes += size
            while self._bytes > self.max_bytes:
                _, (_, forgotten) = self._kept.popitem(last=False)
                self._bytes -= forgotten
