"""Sort the items by their ids, and turn their columns into the arrays of a catalogue."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_export.data.ingestion.duckdb_sql import statement
from model_export.data.ingestion.faults import input_error, shown
from model_export.data.items.kinds import TypedColumn
from model_export.data.items.load import ITEM_ID, RawItems
from nextitem.catalogue.columns import MISSING
from nextitem.catalogue.writer import BooleanData, ColumnData, NumberData, TextData
from nextitem.ids import id_fault


def sorted_ids(raw: RawItems) -> list[str]:
    """Make the table ``sorted`` of all rows in the order of their ids' UTF-8 bytes, and return the ids.

    Raises:
        InputError: there are no items, an id is missing, a list or invalid, or two rows have one id.
    """
    if raw.columns[ITEM_ID].native == "strings":
        raise input_error(raw.name, "has lists; an id is one text", column=ITEM_ID)
    text = raw.columns[ITEM_ID].text
    raw.database.run(
        "CREATE TABLE sorted AS SELECT *, $text AS sorted_id FROM items ORDER BY sorted_id, place", text=text
    )
    rows = raw.database.run("SELECT sorted_id, place FROM sorted")
    if not rows:
        raise input_error(raw.name, "has no items")
    before, first = None, 0
    for item_id, place in sorted(rows, key=lambda row: row[1]) if rows[-1][0] is None else rows:
        if item_id is None:
            raise input_error(raw.name, "has no item id", place=raw.place_of(place), column=ITEM_ID)
        if item_id == before:
            what = f"{shown(item_id)} is in {raw.place_of(first)}, too"
            raise input_error(raw.name, what, place=raw.place_of(place), column=ITEM_ID)
        before, first = item_id, place
    for item_id, place in rows:
        if (fault := id_fault(item_id)) is not None:
            raise input_error(raw.name, f"{shown(item_id)} {fault}", place=raw.place_of(place), column=ITEM_ID)
    return [item_id for item_id, _ in rows]


def encoded(raw: RawItems, columns: Mapping[str, TypedColumn]) -> dict[str, ColumnData]:
    """Return the columns of the table ``sorted`` as a catalogue has them."""
    return {name: _encoded(_fetch(raw, column), column) for name, column in columns.items()}


def _fetch(raw: RawItems, column: TypedColumn) -> pa.Array:
    table = raw.database.arrow(statement("SELECT $values AS value FROM sorted", values=column.values))
    return table.column("value").combine_chunks()


def _encoded(values: pa.Array, column: TypedColumn) -> ColumnData:
    if column.kind == "string":
        return _texts(values)
    if column.kind == "strings":
        return _lists(values)
    if column.kind == "boolean":
        filled = pc.fill_null(pc.cast(values, pa.int8()), MISSING)
        return BooleanData(filled.to_numpy(zero_copy_only=False).astype(np.int8))
    numbers = pc.fill_null(pc.cast(values, pa.float64(), safe=False), float("nan"))
    return NumberData(column.kind, numbers.to_numpy(zero_copy_only=False))


def _texts(values: pa.Array) -> TextData:
    """Return distinct texts in the order of their bytes, and their codes."""
    coded = pc.dictionary_encode(values)
    order = pc.sort_indices(coded.dictionary)
    ranks = np.empty(len(order), np.int32)
    ranks[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    places = pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False)
    codes = ranks[places] if len(ranks) else np.full(len(places), MISSING, np.int32)
    codes[pc.is_null(coded.indices).to_numpy(zero_copy_only=False)] = MISSING
    return TextData(coded.dictionary.take(order).to_pylist(), codes)


def _lists(values: pa.Array) -> TextData:
    sizes: NDArray[np.int64] = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    starts = np.zeros(len(values) + 1, np.uint32)
    starts[1:] = np.cumsum(sizes)
    return _texts(pc.list_flatten(values))._replace(starts=starts)
