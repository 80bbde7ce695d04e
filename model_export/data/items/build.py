"""One file of items becomes one catalogue file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from model_export.data.items.encode import encoded, sorted_ids
from model_export.data.items.filters import check_named_filters, read_named_filters
from model_export.data.items.kinds import TypedItems, typed_columns
from model_export.data.items.load import load_items
from nextitem.catalogue.columns import Kind
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.version import version_of_catalogue
from nextitem.catalogue.writer import write_catalogue


@dataclass(frozen=True)
class BuiltCatalogue:
    """A catalogue in a file, and what its columns are."""

    catalogue: Catalogue
    path: Path
    typed: TypedItems


def build_catalogue(
    source: Path, target: Path, kinds: Mapping[str, Kind] | None = None, filters: Path | None = None
) -> BuiltCatalogue:
    """Build a catalogue from a file of items.

    Args:
        source: the file: .csv, .tsv, .jsonl (each also with .gz) or .parquet, with a column `item_id`.
        target: the catalogue's file; one of that name is overwritten.
        kinds: kinds of columns that must not be guessed.
        filters: file of the filters that requests may name; see `filters.read_named_filters`.

    Raises:
        InputError: naming the file, the place and the column of the first fault.
    """
    named = {} if filters is None else read_named_filters(filters)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        raw = load_items(connection, source)
        typed = typed_columns(raw, kinds or {})
        item_ids = sorted_ids(raw)
        columns = encoded(raw, typed.columns)
    write_catalogue(target, item_ids, columns, named)
    catalogue = Catalogue(target, version_of_catalogue(target))
    check_named_filters(named, catalogue.columns, str(filters))
    return BuiltCatalogue(catalogue, target, typed)
