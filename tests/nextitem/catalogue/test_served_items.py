"""The items that a model can recommend: its own, then the catalogue's new ones, each with its attributes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from nextitem.catalogue.join import Join, join_of, new_positions_of, open_join, write_join
from nextitem.catalogue.served_items import NOT_SERVED, ServedItems
from nextitem.errors import ArtifactCorrupt
from nextitem.model.vocabulary import Vocabulary, write_vocabulary
from tests.nextitem.catalogue.strategies import IDS, Cells, written
from tests.nextitem.parts import STEADY

HIDDEN = 4
# Each example overwrites the files, so sharing the folder does no harm.
SHARED_FOLDER = settings(
    STEADY, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def vocabulary(folder: Path, ids: list[str]) -> Vocabulary:
    path = folder / "vocabulary.bin"
    path.unlink(missing_ok=True)
    write_vocabulary(path, ids)
    return Vocabulary(path)


@SHARED_FOLDER
@given(IDS, IDS)
def test_the_models_items_come_first_and_new_ones_follow(tmp_path: Path, known: list[str], sold: list[str]) -> None:
    # GIVEN a catalogue with its new items' rows, written and read again
    model = vocabulary(tmp_path, known)
    catalogue = written(tmp_path / "catalogue.bin", sold, {"name": ("string", [f"the {item}" for item in sold])})
    new = new_positions_of(model, catalogue.vocabulary)
    rows = np.arange(len(new) * HIDDEN, dtype=np.float32).reshape(-1, HIDDEN)
    path = tmp_path / "join.bin"
    path.unlink(missing_ok=True)
    write_join(path, join_of(model, catalogue.vocabulary, new, rows))

    # WHEN they are served
    items = ServedItems(model, HIDDEN, catalogue, open_join(path, len(known), len(sold), HIDDEN))

    # THEN each id has one index, back and forth, with its own attributes
    served = [*known, *(item for item in sold if item not in known)]
    assert [items.item_id(index) for index in range(len(items))] == served
    assert items.indices([*served, "no such item!"]) == list(range(len(served)))
    assert items.of_model == len(known)
    assert np.array_equal(items.new_rows, rows)
    assert [items.fields(index, ["name"])["name"] for index in range(len(items))] == [
        f"the {item}" if item in sold else None for item in served
    ]
    assert items.index_of is not None
    assert [served[index] for index in items.index_of.tolist()] == sold


def test_items_without_a_row_are_not_served(tmp_path: Path) -> None:
    model = vocabulary(tmp_path, ["b", "c"])
    catalogue = written(tmp_path / "catalogue.bin", ["a", "b"], {"price": ("number", [1.0, 2.0])})
    items = ServedItems(model, HIDDEN, catalogue, join_of(model, catalogue.vocabulary))
    assert (len(items), items.index("a"), items.index("b")) == (2, None, 0)
    assert items.index_of is not None
    assert items.index_of.tolist() == [NOT_SERVED, 0]
    assert items.fields(0, ["price"]) == {"price": 2}
    with pytest.raises(KeyError):
        items.fields(0, ["colour"])


def test_without_a_catalogue_there_are_the_models_items(tmp_path: Path) -> None:
    items = ServedItems(vocabulary(tmp_path, ["b", "c"]), HIDDEN)
    assert (len(items), items.index("c"), items.index("a"), items.item_id(1)) == (2, 1, None, "c")
    assert items.fields(0, ["price"]) == {}
    assert (items.position_of, items.index_of, items.new_rows.shape) == (None, None, (0, HIDDEN))


@pytest.mark.parametrize(
    ("join", "because"),
    [
        (Join(np.array([0], np.int32), np.empty(0, np.int32), np.empty((0, 0), np.float32)), "one item too few"),
        (Join(np.array([0, 2], np.int32), np.empty(0, np.int32), np.empty((0, 0), np.float32)), "not in the catalogue"),
        (Join(np.array([0, -2], np.int32), np.empty(0, np.int32), np.empty((0, 0), np.float32)), "below -1"),
        (Join(np.array([0, -1], np.int32), np.array([1], np.int32), np.ones((1, 3), np.float32)), "other hidden size"),
        (Join(np.array([0, -1], np.int32), np.array([1], np.int32), np.full((1, 4), np.nan, np.float32)), "NaN"),
        (Join(np.array([0, -1], np.int32), np.array([1, 1], np.int32), np.ones((2, 4), np.float32)), "twice"),
    ],
)
def test_a_join_of_another_model_or_catalogue_is_refused(tmp_path: Path, join: Join, because: str) -> None:
    write_join(tmp_path / "join.bin", join)
    with pytest.raises(ArtifactCorrupt, match=r"join\.bin belongs to another model or catalogue"):
        open_join(tmp_path / "join.bin", items=2, catalogue=2, hidden=HIDDEN)


def test_items_out_of_stock_are_unavailable_beside_the_documents(tmp_path: Path) -> None:
    # GIVEN a catalogue with a withdrawn item, one without stock, one of which it says nothing, and a new one
    ids = ["a", "b", "c", "d", "new"]
    cells: Cells = {
        "available": ("boolean", [False, True, None, None, True]),
        "stock": ("number", [5.0, 0.0, None, 3.0, -1.0]),
    }
    model = vocabulary(tmp_path, ["a", "b", "c", "d", "unlisted"])
    catalogue = written(tmp_path / "catalogue.bin", ids, cells)
    rows = np.ones((1, HIDDEN), np.float32)
    items = ServedItems(model, HIDDEN, catalogue, join_of(model, catalogue.vocabulary, np.array([4], np.int32), rows))

    # THEN these are unavailable, and the document's items besides
    def unavailable() -> list[str]:
        return [items.item_id(int(index)) for index in np.flatnonzero(items.unavailable)]

    assert unavailable() == ["a", "b", "new"]
    items.set_unavailable(["d", "a", "no such item"])
    assert unavailable() == ["a", "b", "d", "new"]
    items.set_unavailable([])
    assert unavailable() == ["a", "b", "new"]
    assert ServedItems(model, HIDDEN).unavailable.size == 0
