"""Map item ids to indices and back, from a memory-mapped file.

An item's index is its rank among the catalogue's ids, ordered by their UTF-8 bytes. An id is a slice of the file. An
index is looked up in the bucket of the id's CRC-32, which holds one or two ids on average: a look-up touches four
pages, however many items there are.

File, little endian: 8 bytes of magic, counts of ids and of buckets (u64), count + 1 offsets into the text (u64),
buckets + 1 positions where each bucket begins (u32), the indices in the order of their buckets (u32), the ids' UTF-8
text.
"""

import mmap
import struct
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np

from nextitem.errors import ArtifactCorrupt

_MAGIC = b"NIVOCAB2"
_HEAD = struct.Struct("<8sQQ")
_LEAD_BITS, _CONTINUATION = 0xC0, 0x80
"""A byte inside a UTF-8 character has these two lead bits."""


class Vocabulary:
    """A catalogue's item ids, sorted by their UTF-8 bytes."""

    def __init__(self, path: Path) -> None:
        """Map a vocabulary file.

        Raises:
            ArtifactCorrupt: it is not a vocabulary file, it is truncated, or its parts contradict each other.
        """
        if sys.byteorder != "little":
            raise ArtifactCorrupt("vocabulary files are little endian, this machine is not")
        try:
            with path.open("rb") as file:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            whole = self._read_head(data)
        except (OSError, ValueError, IndexError, TypeError, struct.error) as error:
            raise ArtifactCorrupt(f"{path.name} cannot be read: {error}") from error
        if not whole:
            raise ArtifactCorrupt(f"{path.name} is not a vocabulary, or a truncated one")

    def _read_head(self, data: memoryview) -> bool:
        """Find the parts of a file; False if they contradict each other."""
        magic, count, buckets = _HEAD.unpack_from(data)
        starts_at = _HEAD.size + 8 * (count + 1)
        order_at = starts_at + 4 * (buckets + 1)
        text_at = order_at + 4 * count
        self._count: int = count
        self._mask: int = buckets - 1
        self._offsets: memoryview[int] = data[_HEAD.size : starts_at].cast("Q")
        self._starts: memoryview[int] = data[starts_at:order_at].cast("I")
        self._order: memoryview[int] = data[order_at:text_at].cast("I")
        self._text = data[text_at:]
        power_of_two = buckets > 0 and buckets & (buckets - 1) == 0
        whole: bool = count > 0 and self._starts[buckets] == count and self._offsets[count] == len(self._text)
        return magic == _MAGIC and power_of_two and whole and self._is_consistent()

    def _is_consistent(self) -> bool:
        """Return whether every look-up stays inside the file. Ids that are not UTF-8 raise a ValueError."""
        offsets, starts = np.asarray(self._offsets), np.asarray(self._starts)
        text = np.frombuffer(self._text, np.uint8)
        str(self._text, "utf-8")
        begins = text[offsets[:-1].clip(max=max(len(text) - 1, 0))]
        continues = begins & _LEAD_BITS == _CONTINUATION
        return bool(
            (offsets[1:] > offsets[:-1]).all()
            and not offsets[0]
            and not continues.any()
            and not starts[0]
            and (starts[1:] >= starts[:-1]).all()
            and (np.asarray(self._order) < self._count).all()
        )

    def __len__(self) -> int:
        return self._count

    def index(self, item_id: str) -> int | None:
        """Return an item's index, or None if the catalogue does not have it."""
        wanted = item_id.encode()
        bucket = crc32(wanted) & self._mask
        for place in range(self._starts[bucket], self._starts[bucket + 1]):
            index = self._order[place]
            if self._bytes(index) == wanted:
                return index
        return None

    def indices(self, item_ids: Iterable[str]) -> list[int]:
        """Return the indices of the items that the catalogue has, in their order; unknown ids are left out."""
        return [index for index in map(self.index, item_ids) if index is not None]

    def item_id(self, index: int) -> str:
        """Return the id at an index, 0 to ``len(self) - 1``."""
        return self._bytes(index).decode()

    def _bytes(self, index: int) -> bytes:
        return bytes(self._text[self._offsets[index] : self._offsets[index + 1]])


def write_vocabulary(path: Path, item_ids: Iterable[str]) -> None:
    """Write a vocabulary file.

    Args:
        path: the file.
        item_ids: distinct ids in the order of their UTF-8 bytes.

    Raises:
        ValueError: the ids are empty, not distinct or not in that order.
    """
    texts = [item_id.encode() for item_id in item_ids]
    if not texts or any(before >= after for before, after in pairwise(texts)):
        raise ValueError("a vocabulary needs distinct item ids in the order of their UTF-8 bytes")
    count = len(texts)
    buckets = 1 << (count - 1).bit_length()
    offsets = np.zeros(count + 1, np.uint64)
    offsets[1:] = np.cumsum(np.fromiter(map(len, texts), np.uint64, count))
    hashes = np.fromiter(map(crc32, texts), np.uint32, count) & np.uint32(buckets - 1)
    starts = np.zeros(buckets + 1, np.uint32)
    starts[1:] = np.cumsum(np.bincount(hashes, minlength=buckets))
    order = np.argsort(hashes, kind="stable").astype(np.uint32)
    with path.open("wb") as file:
        file.write(_HEAD.pack(_MAGIC, count, buckets))
        for part in (offsets, starts, order):
            file.write(part.tobytes())
        file.writelines(texts)
