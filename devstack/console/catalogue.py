"""The route's catalogue for the pages: its columns, its history, and the attributes of items."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from devstack.publish import object_store
from devstack.services.bucket import Bucket
from model_export.attributes.attribute_map import new_item_rows
from nextitem.catalogue.columns import Column, NumberColumn, TextColumn, Value
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.times import iso_8601
from nextitem.registry.catalogue_pointer import CataloguePointer
from nextitem.registry.catalogue_publisher import CataloguePublisher

SHOWN_FIELDS = ("title", "category", "price")
"""The columns that the shop's page shows, where the catalogue has them."""
MAX_CATEGORIES = 50
SAMPLES = 5


@dataclass(frozen=True)
class ColumnView:
    """A column: its kind, the number of items without a value, and a few of its values.

    Attributes:
        distinct: the number of different texts; None of a column without texts.
        samples: the first texts, or the lowest and the highest number.
    """

    name: str
    kind: str
    missing: int
    distinct: int | None
    samples: tuple[Value, ...]


@dataclass(frozen=True)
class CatalogueView:
    """The route's catalogue, and the catalogues that the route used, newest first."""

    version: str
    items: int
    columns: tuple[ColumnView, ...]
    named_filters: Mapping[str, Any]
    history: tuple[CataloguePointer, ...]


class Catalogues:
    """The catalogues of a stack's bucket.

    Args:
        bucket: of the stack.
        folder: for fetched versions.
    """

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self._bucket, self._folder = bucket, folder
        self._open: Catalogue | None = None
        self._lock = threading.Lock()

    def current(self) -> Catalogue | None:
        """Open the route's catalogue; return None if it has none.

        Raises:
            nextitem.errors.RegistryError: the bucket cannot be read.
            nextitem.errors.ArtifactError: the catalogue is damaged.
        """
        with self._lock, self._publisher() as publisher:
            pointer = publisher.current()
            if pointer is None:
                return None
            if self._open is None or self._open.version != pointer.version:
                self._open = publisher.open(pointer.version)
            return self._open

    def view(self) -> CatalogueView | None:
        """Describe the route's catalogue; return None if it has none. Raises as `current`."""
        catalogue = self.current()
        if catalogue is None:
            return None
        with self._publisher() as publisher:
            history = tuple(publisher.history())
        columns = tuple(_column_view(name, column) for name, column in catalogue.columns.items())
        return CatalogueView(catalogue.version, len(catalogue), columns, catalogue.named_filters, history)

    def attributes(self, item_ids: Sequence[str]) -> dict[str, dict[str, Value]]:
        """Return the attributes of those items that the route's catalogue has. Raises as `current`."""
        catalogue = self.current()
        if catalogue is None:
            return {}
        positions = {item_id: catalogue.vocabulary.index(item_id) for item_id in item_ids}
        return {
            item_id: {name: catalogue.value(name, position) for name in catalogue.columns}
            for item_id, position in positions.items()
            if position is not None
        }

    def shown_fields(self) -> tuple[str, ...]:
        """Return which of `SHOWN_FIELDS` the route's catalogue has. Raises as `current`."""
        catalogue = self.current()
        return () if catalogue is None else tuple(name for name in SHOWN_FIELDS if name in catalogue.columns)

    def categories(self) -> tuple[str, ...]:
        """Return the values of the column ``category``; none if there are too many for a page. Raises as `current`."""
        catalogue = self.current()
        column = None if catalogue is None else catalogue.columns.get("category")
        if not isinstance(column, TextColumn) or len(column.values) > MAX_CATEGORIES:
            return ()
        return tuple(column.values[code] for code in range(len(column.values)))

    def rollback(self) -> CataloguePointer:
        """See `CataloguePublisher.rollback`."""
        with self._publisher() as publisher:
            return publisher.rollback()

    @contextmanager
    def _publisher(self) -> Iterator[CataloguePublisher]:
        with object_store(self._bucket) as store:
            yield CataloguePublisher(store, self._folder, rows=new_item_rows)


def _column_view(name: str, column: Column) -> ColumnView:
    missing = len(column.missing())
    if isinstance(column, TextColumn):
        count = len(column.values)
        return ColumnView(
            name, column.kind, missing, count, tuple(column.values[code] for code in range(min(count, SAMPLES)))
        )
    if isinstance(column, NumberColumn):
        present = column.values[~np.isnan(column.values)]
        ends = (float(present.min()), float(present.max())) if len(present) else ()
        return ColumnView(
            name, column.kind, missing, None, tuple(map(iso_8601, ends)) if column.kind == "time" else ends
        )
    return ColumnView(name, column.kind, missing, None, ())
