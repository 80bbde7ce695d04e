"""The demo's catalogue fits the demo's model and its shop."""

from pathlib import Path

import pytest

from devstack.demo_catalogue import NEWCOMERS, demo_products, write_demo_catalogue
from devstack.publish import demo_artifact, earlier_artifact
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.filters import parse_filter
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import VOCABULARY
from nextitem.model.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("demo") / "catalogue.bin"
    write_demo_catalogue(path)
    return Catalogue(path, "c0123456789abcdef")


@pytest.mark.parametrize("artifact", [demo_artifact(), earlier_artifact()], ids=["demo", "earlier"])
def test_it_has_every_item_of_the_models_and_newcomers(catalogue: Catalogue, artifact: Path) -> None:
    items = Vocabulary(open_artifact(artifact).path(VOCABULARY))
    known = {items.item_id(index) for index in range(len(items))}
    sold = {catalogue.vocabulary.item_id(position) for position in range(len(catalogue))}
    assert known <= sold
    assert len(sold - known) == NEWCOMERS


def test_attributes_are_those_of_the_shop(catalogue: Catalogue) -> None:
    products = demo_products()
    assert len(products) == len(catalogue)
    for product in products:
        position = catalogue.vocabulary.index(product.item_id)
        assert position is not None
        assert catalogue.value("title", position) == product.name
        assert catalogue.value("price", position) == product.price / 100
        assert catalogue.value("stock", position) == product.stock


def test_its_named_filters_can_be_parsed(catalogue: Catalogue) -> None:
    assert {name: parse_filter({"named": name}, catalogue) for name in catalogue.named_filters}
    assert set(catalogue.named_filters) == {"new", "gifts"}


def test_the_same_demo_has_the_same_catalogue(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_demo_catalogue(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
