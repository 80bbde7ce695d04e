"""Write a catalogue file. Never imported on the request path.

The same items in the same order of columns give the same bytes, so that a catalogue's content is its name.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.arrays_file import write_arrays
from nextitem.catalogue.columns import MISSING, Kind
from nextitem.catalogue.file import IDS, MAGIC, CatalogueHead, ColumnHead, crc32_of
from nextitem.model.vocabulary import encode_vocabulary


class TextData(NamedTuple):
    """A `string` column, or `strings` where it has `starts`; see `columns.TextColumn`.

    `values` are distinct and in the order of their UTF-8 bytes. A list of `strings` has no text twice.
    """

    values: Sequence[str]
    codes: NDArray[np.int32]
    starts: NDArray[np.uint32] | None = None


class NumberData(NamedTuple):
    """A `number` or `time` column; see `columns.NumberColumn`."""

    kind: Literal["number", "time"]
    values: NDArray[np.float64]


class BooleanData(NamedTuple):
    """A `boolean` column; see `columns.BooleanColumn`."""

    values: NDArray[np.int8]


_Arrays = dict[str, NDArray[Any]]
ColumnData = TextData | NumberData | BooleanData


def text_data(texts: Iterable[str | None]) -> TextData:
    """Return a `string` column of one text, or None, for each item."""
    rows = list(texts)
    values = _sorted({text for text in rows if text is not None})
    code_of = {text: code for code, text in enumerate(values)}
    codes = np.array([MISSING if text is None else code_of[text] for text in rows], np.int32)
    return TextData(values, codes)


def list_data(lists: Iterable[Sequence[str] | None]) -> TextData:
    """Return a `strings` column of a list, or None, for each item; repeats in a list are left out."""
    rows = [list(dict.fromkeys(texts or ())) for texts in lists]
    values = _sorted({text for texts in rows for text in texts})
    code_of = {text: code for code, text in enumerate(values)}
    codes = np.array([code_of[text] for texts in rows for text in texts], np.int32)
    starts = np.cumsum([0, *map(len, rows)]).astype(np.uint32)
    return TextData(values, codes, starts)


def number_data(numbers: Iterable[float | None], kind: Literal["number", "time"] = "number") -> NumberData:
    """Return a `number` or `time` column of a number, or None, for each item."""
    return NumberData(kind, np.array([np.nan if number is None else number for number in numbers], np.float64))


def boolean_data(booleans: Iterable[bool | None]) -> BooleanData:
    """Return a `boolean` column of true, false or None for each item."""
    return BooleanData(np.array([MISSING if value is None else value for value in booleans], np.int8))


def write_catalogue(
    path: Path, item_ids: Sequence[str], columns: Mapping[str, ColumnData], named_filters: Mapping[str, Any]
) -> None:
    """Write a catalogue file.

    Args:
        path: the file; one of that name is overwritten.
        item_ids: distinct ids in the order of their UTF-8 bytes.
        columns: the attributes by name, each with a value for each of the ids, in their order.
        named_filters: filters that requests may name, as documented JSON.

    Raises:
        ValueError: the ids are not in that order, or a column has another number of values.
    """
    arrays: _Arrays = {IDS: np.frombuffer(b"".join(encode_vocabulary(item_ids)), np.uint8)}
    heads = []
    for place, (name, column) in enumerate(columns.items()):
        kind, parts = _arrays(column)
        rows = len(parts["starts"]) - 1 if "starts" in parts else len(parts.get("codes", parts.get("values", ())))
        if rows != len(item_ids):
            raise ValueError(f"column {name!r} has {rows} values for {len(item_ids)} items")
        heads.append(ColumnHead(name, kind))
        arrays |= {f"{place}.{part}": array for part, array in parts.items()}
    named = msgspec.json.decode(msgspec.json.encode(named_filters))  # as it is read: the CRC-32 is of this
    crc32 = crc32_of(tuple(heads), named, arrays.values())
    write_arrays(path, MAGIC, CatalogueHead(tuple(heads), named, crc32), arrays)


def _arrays(column: ColumnData) -> tuple[Kind, _Arrays]:
    """Return a column's kind and its arrays."""
    if isinstance(column, TextData):
        return _text_arrays(column)
    if isinstance(column, NumberData):
        order = np.argsort(column.values, kind="stable").astype(np.int32)  # NaN comes last
        present = len(order) - int(np.isnan(column.values).sum())
        parts: _Arrays = {"values": column.values, "order": order[:present], "missing": order[present:]}
        return column.kind, parts
    order, bounds = _postings(column.values, np.arange(len(column.values)), 2)
    return "boolean", {"values": column.values, "order": order, "bounds": bounds}


def _text_arrays(column: TextData) -> tuple[Kind, _Arrays]:
    texts = [text.encode() for text in column.values]
    offsets = np.zeros(len(texts) + 1, np.uint64)
    offsets[1:] = np.cumsum(np.fromiter(map(len, texts), np.uint64, len(texts)))
    parts: _Arrays = {"offsets": offsets, "text": np.frombuffer(b"".join(texts), np.uint8), "codes": column.codes}
    if column.starts is None:
        order, bounds = _postings(column.codes, np.arange(len(column.codes)), len(texts))
        return "string", {**parts, "order": order, "bounds": bounds}
    sizes = np.diff(column.starts)
    empty = np.flatnonzero(sizes == 0)
    rows = np.concatenate([empty, np.repeat(np.arange(len(sizes)), sizes)])
    codes = np.concatenate([np.full(len(empty), MISSING, np.int32), column.codes])
    order, bounds = _postings(codes, rows, len(texts))
    return "strings", {**parts, "starts": column.starts, "order": order, "bounds": bounds}


def _postings(
    codes: NDArray[np.int32] | NDArray[np.int8], rows: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
    """Return rows by code, those with `MISSING` first, and where the rows of each code begin and the last ones end."""
    order = rows[np.argsort(codes, kind="stable")].astype(np.int32)
    ends = np.cumsum(np.bincount(codes.astype(np.int64) + 1, minlength=count + 1))
    return order, ends.astype(np.uint32)


def _sorted(texts: Iterable[str]) -> list[str]:
    return sorted(texts, key=str.encode)
