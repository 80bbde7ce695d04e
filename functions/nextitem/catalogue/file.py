"""Open a catalogue: the attributes of all items that a shop sells, in one memory-mapped file.

An item's position is its rank among the catalogue's ids, ordered by their UTF-8 bytes.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.arrays_file import Arrays, ArraysFile, crc_of, open_arrays
from nextitem.catalogue.columns import BooleanColumn, Column, Kind, NumberColumn, TextColumn, Texts, Value
from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported
from nextitem.model.manifest import DECODE_ERRORS, SchemaOnly
from nextitem.model.vocabulary import Vocabulary

CATALOGUE_SCHEMA = 1
"""The schema of the file that this code writes, and the newest that it reads."""
MAGIC = b"NICATLG1"
IDS = "ids"
"""The array with the vocabulary of the item ids."""


class ColumnHead(msgspec.Struct, frozen=True):
    """A column's name and kind; its arrays are called ``<place>.<array>``."""

    name: str
    kind: Kind


class CatalogueHead(msgspec.Struct, frozen=True):
    """The columns in the order of the shop's file, the named filters as documented JSON, and a CRC-32 of all."""

    columns: tuple[ColumnHead, ...]
    named_filters: dict[str, Any]
    crc32: int
    schema: int = CATALOGUE_SCHEMA


def crc32_of(columns: tuple[ColumnHead, ...], named_filters: dict[str, Any], arrays: Arrays) -> int:
    """Return the CRC-32 of a catalogue's content."""
    return crc_of(arrays, zlib.crc32(msgspec.json.encode((columns, named_filters))))


class Catalogue:
    """The items of a shop and their attributes. Threads may share it: it never changes.

    Attributes:
        version: ``c`` and 16 hex digits of the file's SHA-256.
        vocabulary: item id to position and back.
        columns: the attributes by name, in the order of the shop's file.
        named_filters: filters that requests may name, as documented JSON.

    Example:
        >>> catalogue = Catalogue(Path("catalogue.bin"), "c59d8f80b305e2ad3")
        >>> catalogue.value("price", catalogue.vocabulary.index("tea"))
        4.5
    """

    def __init__(self, path: Path, version: str) -> None:
        """Map a catalogue file.

        Args:
            path: the file. It is compared with its own CRC-32, which a cold start can afford; `Catalogues.verify` also
                compares it with its version.
            version: see above.

        Raises:
            ArtifactCorrupt: it is not a catalogue, it is truncated, or its parts contradict each other.
            ArtifactUnsupported: it was written for a newer schema.
        """
        self.version = version
        file = open_arrays(path, MAGIC)
        head = _decode_head(file.about, path)
        if crc32_of(head.columns, head.named_filters, file.arrays.values()) != head.crc32:
            raise ArtifactCorrupt(f"{path.name} is damaged: its content has another CRC-32 than its head says")
        try:
            self.vocabulary = Vocabulary(path, file.arrays[IDS].data)
            self.columns: Mapping[str, Column] = {
                column.name: _column(file, str(place), column.kind) for place, column in enumerate(head.columns)
            }
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ArtifactCorrupt(f"{path.name} cannot be read: it lacks an array, {error}") from error
        self.named_filters: Mapping[str, Any] = head.named_filters
        for name, column in self.columns.items():
            if not column.is_consistent(len(self.vocabulary)):
                raise ArtifactCorrupt(f"{path.name}: the arrays of column {name!r} contradict each other")

    def __len__(self) -> int:
        return len(self.vocabulary)

    def value(self, name: str, position: int) -> Value:
        """Return an item's value as JSON has it, or None where it has none.

        Raises:
            KeyError: there is no such column.
        """
        return self.columns[name].value(position)

    def out_of_stock(self) -> NDArray[np.int32]:
        """Return the positions of the items that are out of stock: `available` is false, or `stock` is at most 0."""
        none = np.empty(0, np.int32)
        available, stock = self.columns.get("available"), self.columns.get("stock")
        withdrawn = available.positions(False) if isinstance(available, BooleanColumn) else none
        sold_out = stock.range(None, 0, includes_high=True) if isinstance(stock, NumberColumn) else none
        return np.union1d(withdrawn, sold_out)


def _decode_head(about: bytes, path: Path) -> CatalogueHead:
    try:
        schema = msgspec.json.decode(about, type=SchemaOnly).schema
        if schema > CATALOGUE_SCHEMA:
            raise ArtifactUnsupported(f"{path.name} has schema {schema}; this code reads up to {CATALOGUE_SCHEMA}")
        return msgspec.json.decode(about, type=CatalogueHead)
    except DECODE_ERRORS as error:
        raise ArtifactCorrupt(f"{path.name} is not a catalogue: {error}") from None


def _column(file: ArraysFile, place: str, kind: Kind) -> Column:
    def array(name: str, dtype: str) -> Any:
        found = file.arrays[f"{place}.{name}"]
        if found.ndim != 1 or found.dtype.str != dtype:
            raise ValueError(f"{place}.{name} of type {dtype}")
        return found

    if kind == "boolean":
        return BooleanColumn(array("values", "|i1"), array("order", "<i4"), array("bounds", "<u4"))
    if kind == "number" or kind == "time":  # noqa: PLR1714 - mypy narrows no `in`
        return NumberColumn(kind, array("values", "<f8"), array("order", "<i4"), array("missing", "<i4"))
    texts = Texts(array("offsets", "<u8"), array("text", "|u1"))
    starts = array("starts", "<u4") if kind == "strings" else None
    return TextColumn(texts, array("codes", "<i4"), array("order", "<i4"), array("bounds", "<u4"), starts)
