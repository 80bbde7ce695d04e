"""Map item ids to indices and back, from a memory-mapped file.

An item's index is its rank among the catalogue's ids, ordered by their UTF-8 bytes. An id is a slice of the file. An
index is looked up in the bucket of the id's CRC-32, which holds one or two ids on average: a look-up touches four
pages, however many items there are.

File, little endian: 8 bytes of magic, counts of ids and of buckets (u64), count + 1 offsets into the text (u64),
buckets + 1 positions where each bucket begins (u32), the indices in the order of their buckets (u32), the ids' UTF-8
text.
"""

import codecs
import mmap
import struct
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nextitem.errors import ArtifactCorrupt

_MAGIC = b"NIVOCAB2"
_HEAD = struct.Struct("<8sQQ")
_LEAD_BITS, _CONTINUATION = 0xC0, 0x80
"""A byte inside a UTF-8 character has these two lead bits."""
_DECODED_AT_ONCE = 1 << 20
"""Bytes of text that are checked at a time: decoding all of it at once would take up to four times its size."""


class Vocabulary:
    """A catalogue's item ids, sorted by their UTF-8 bytes."""

    def __init__(self, path: Path, part: memoryview | None = None) -> None:
        """Map a vocabulary file.

        Args:
            path: the file.
            part: the vocabulary's bytes, if it is a part of this file and the file is mapped already.

        Raises:
            ArtifactCorrupt: it is not a vocabulary file, it is truncated, or its parts contradict each other.
        """
        if sys.byteorder != "little":
            raise ArtifactCorrupt("vocabulary files are little endian, this machine is not")
        try:
            whole = self._read_head(map_file(path) if part is None else part)
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
        """Return whether every look-up stays inside the file."""
        offsets, starts = np.asarray(self._offsets), np.asarray(self._starts)
        return bool(
            (offsets[1:] > offsets[:-1]).all()
            and are_texts(offsets, self._text)
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

    def encoded_ids(self) -> list[bytes]:
        """Return all ids in UTF-8, by index: much faster than one by one."""
        text, offsets = bytes(self._text), self._offsets.tolist()
        return [text[start:end] for start, end in pairwise(offsets)]

    def _bytes(self, index: int) -> bytes:
        return bytes(self._text[self._offsets[index] : self._offsets[index + 1]])


def map_file(path: Path) -> memoryview:
    """Map a file into memory for reading.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is empty.
    """
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def are_texts(offsets: NDArray[np.uint64], text: memoryview) -> bool:
    """Return whether a text is UTF-8 and is cut, at offsets that begin with 0 and do not fall, between characters.

    Args:
        offsets: where each text begins and where the last one ends, uint64[texts + 1].
        text: all texts, one after the other.
    """
    if offsets[0] or int(offsets[-1]) != len(text) or (offsets[1:] < offsets[:-1]).any():
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(text), _DECODED_AT_ONCE):
            decoder.decode(text[start : start + _DECODED_AT_ONCE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    data = np.frombuffer(text, np.uint8)
    begins = data[offsets[offsets < len(text)]]
    return not (begins & _LEAD_BITS == _CONTINUATION).any()


def write_vocabulary(path: Path, item_ids: Iterable[str]) -> None:
    """Write a vocabulary file.

    Args:
        path: the file.
        item_ids: see `encode_vocabulary`.

    Raises:
        ValueError: see `encode_vocabulary`.
    """
    parts = encode_vocabulary(item_ids)
    with path.open("wb") as file:
        file.writelines(parts)


def encode_vocabulary(item_ids: Iterable[str]) -> list[bytes]:
    """Return the parts of a vocabulary file, in order.

    Args:
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
    return [_HEAD.pack(_MAGIC, count, buckets), *(part.tobytes() for part in (offsets, starts, order)), *texts]
