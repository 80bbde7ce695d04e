"""Item id <-> index, from a memory-mapped file: opening costs the same for a hundred items and for millions.

An item's index is its rank among the catalogue's ids, ordered by their UTF-8 bytes, so that one sorted list serves
both ways: an id is a slice of the file, an index a binary search.

File: 8 bytes of magic, count (u64), count + 1 offsets into the text (u64), the ids' UTF-8 text. Little endian.
Knows no model.
"""

import mmap
import struct
import sys
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from nextitem.errors import ArtifactCorrupt

_MAGIC = b"NIVOCAB1"
_HEAD = struct.Struct("<8sQ")


class Vocabulary:
    """A catalogue's item ids, sorted by their UTF-8 bytes."""

    def __init__(self, path: Path) -> None:
        """Map a vocabulary file.

        Raises:
            ArtifactCorrupt: it is not a vocabulary file, or a truncated one.
        """
        if sys.byteorder != "little":
            raise ArtifactCorrupt("vocabulary files are little endian, this machine is not")
        try:
            with path.open("rb") as file:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            magic, count = _HEAD.unpack_from(data)
            text_at = _HEAD.size + 8 * (count + 1)
            self._offsets = data[_HEAD.size : text_at].cast("Q")
            self._text = data[text_at:]
            whole = magic == _MAGIC and count > 0 and self._offsets[count] == len(self._text)
        except (OSError, ValueError, IndexError, TypeError, struct.error) as error:
            raise ArtifactCorrupt(f"{path.name} cannot be read: {error}") from error
        if not whole:
            raise ArtifactCorrupt(f"{path.name} is not a vocabulary, or a truncated one")
        self._count: int = count

    def __len__(self) -> int:
        return self._count

    def index(self, item_id: str) -> int | None:
        """Return an item's index, or None where the catalogue does not have it."""
        wanted = item_id.encode()
        place = bisect_left(range(self._count), wanted, key=self._bytes)
        return place if place < self._count and self._bytes(place) == wanted else None

    def indices(self, item_ids: Iterable[str]) -> list[int]:
        """Return the indices of those items that the catalogue has, in their order."""
        found = map(self.index, item_ids)
        return [index for index in found if index is not None]

    def item_id(self, index: int) -> str:
        """Return the id at an index, 0 to ``len(self) - 1``."""
        return self._bytes(index).decode()

    def _bytes(self, index: int) -> bytes:
        return bytes(self._text[self._offsets[index] : self._offsets[index + 1]])


def write_vocabulary(path: Path, item_ids: Iterable[str]) -> None:
    """Write a vocabulary file.

    Args:
        path: where to.
        item_ids: distinct ids in the order of their UTF-8 bytes.

    Raises:
        ValueError: they are empty, not distinct or not in that order.
    """
    texts = [item_id.encode() for item_id in item_ids]
    if not texts or any(before >= after for before, after in pairwise(texts)):
        raise ValueError("a vocabulary needs distinct item ids in the order of their UTF-8 bytes")
    offsets = [0]
    for text in texts:
        offsets.append(offsets[-1] + len(text))
    head = _HEAD.pack(_MAGIC, len(texts)) + struct.pack(f"<{len(offsets)}Q", *offsets)
    path.write_bytes(head + b"".join(texts))
