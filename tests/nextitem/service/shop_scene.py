"""A scene of a router with catalogues of its models' items."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.catalogue.new_rows import RowsOfItems, no_rows
from nextitem.catalogue.writer import ColumnData, number_data, text_data, write_catalogue
from nextitem.registry.catalogue_pointer import pointer_key
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.service.router import Router
from nextitem.service.serving import RoutedModel
from tests.nextitem.service.router_scene import Scene

if TYPE_CHECKING:
    pass

POINTER = pointer_key("live")


class Shop:
    """A scene, and catalogues of the models' items and of some that no model knows."""

    def __init__(self, scene: Scene, bucket: BotoObjectStore) -> None:
        self.scene, self.bucket = scene, bucket
        scene.promote(scene.first)
        model = scene.router.model_for().model
        self.item_ids = [model.vocabulary.item_id(index) for index in range(5)]

    def publish(self, price: float, *, sold_out: Sequence[str] = (), rows: RowsOfItems = no_rows) -> str:
        """Publish a catalogue of five items of the model and a new one, all at one price; return its version."""
        return self.publisher(rows).publish(self.file(price, sold_out)).version

    def file(self, price: float, sold_out: Sequence[str] = ()) -> Path:
        ids = sorted([*self.item_ids, "brand new"], key=str.encode)
        columns: dict[str, ColumnData] = {
            "title": text_data(f"the {item}" for item in ids),
            "price": number_data(price for _ in ids),
            "stock": number_data(0.0 if item in sold_out else 3.0 for item in ids),
        }
        path = self.scene.folder / "catalogue.bin"
        path.unlink(missing_ok=True)
        write_catalogue(path, ids, columns, {})
        return path

    def publisher(self, rows: RowsOfItems = no_rows) -> CataloguePublisher:
        return CataloguePublisher(self.bucket, self.scene.folder / "publisher", rows=rows)

    def routed(self, router: Router | None = None) -> RoutedModel:
        return (router or self.scene.router).model_for(attributes=True)

    def price(self, router: Router | None = None) -> object:
        routed = self.routed(router)
        return routed.items.fields(routed.items.indices(self.item_ids[:1])[0], ["price"]).get("price")
