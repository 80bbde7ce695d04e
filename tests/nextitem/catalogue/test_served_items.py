"""The items that a model can recommend: its own, then the catalogue's new ones, each with its attributes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from nextitem.catalogue.arrays_file import ALIGNMENT
from nextitem.catalogue.join import Join, join_of, new_positions_of, open_join, write_join
from nextitem.catalogue.served_items import NOT_SERVED, ServedItems
from nextitem.errors import ArtifactCorrupt
from nextitem.model.vocabulary import Vocabulary, write_vocabulary
from tests.nextitem.catalogue.strategies import IDS, Cells, written
from tests.nextitem.parts import STEADY, VERSION

HIDDEN = 4
CATALOGUE = "c" + "0" * 16
# Each example overwrites the files, so sharing the folder does no harm.
SHARED_FOLDER = settings(
    STEADY, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def vocabulary(folder: Path, ids: list[str]) -> Vocabulary:
    path = folder / "vocabulary.bin"
    path.unlink(missing_ok=True)
    write_vocabulary(path, ids)
    return Vocabulary(path)


def joined(
    position_of: list[int],
    new_positions: Sequence[int] = (),
    *,
    value: float = 1,
    out_of_stock: Sequence[int] = (),
    new_ids: tuple[str, ...] | None = None,
) -> Join:
    """Return a join with a catalogue of two items."""
    new = len(new_positions)
    return Join(
        np.array(position_of, np.int32),
        np.array(new_positions, np.int32),
        np.full((new, HIDDEN), value, np.float32),
        np.array(out_of_stock, np.int32),
        items=2,
        new_ids=tuple(f"new {place}" for place in range(new)) if new_ids is None else new_ids,
    )


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
    write_join(path, join_of(model, catalogue, new, rows), catalogue.version, VERSION)

    # WHEN they are served, first without the catalogue
    join = open_join(path, catalogue.version, VERSION)
    items, early = ServedItems(model, HIDDEN, catalogue, join), ServedItems(model, HIDDEN, None, join)

    # THEN each id has one index, back and forth, with its own attributes
    served = [*known, *(item for item in sold if item not in known)]
    for each in (items, early):
        assert [each.item_id(index) for index in range(len(each))] == served
        assert each.indices([*served, "no such item!"]) == list(range(len(served)))
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
    items = ServedItems(model, HIDDEN, catalogue, join_of(model, catalogue))
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
        (joined([0, 2]), "not in the catalogue"),
        (joined([0, -2]), "below -1"),
        (joined([0, -1], [2]), "no such position"),
        (joined([0, -1], [1], value=np.nan), "NaN"),
        (joined([0, -1], [1, 1]), "twice"),
        (joined([0, -1], [1], out_of_stock=[3]), "no such index"),
        (joined([0, -1], [1], new_ids=()), "without an id"),
    ],
)
def test_a_join_that_leads_out_of_the_catalogue_is_refused(tmp_path: Path, join: Join, because: str) -> None:
    write_join(tmp_path / "join.bin", join, CATALOGUE, VERSION)
    with pytest.raises(ArtifactCorrupt, match=r"join\.bin is damaged, or is not the join"):
        open_join(tmp_path / "join.bin", CATALOGUE, VERSION)


def test_a_damaged_join_and_one_of_other_versions_are_refused(tmp_path: Path) -> None:
    # GIVEN a whole join
    path = tmp_path / "join.bin"
    join = joined([0, -1], [1], out_of_stock=[0])
    write_join(path, join, CATALOGUE, VERSION)
    opened = open_join(path, CATALOGUE, VERSION)
    assert (opened.fits(2, 4), opened.fits(3, 4), opened.fits(2, 5)) == (True, False, False)

    # THEN it is none of another model or catalogue, and no changed byte of it is accepted
    for catalogue, model in (("c" + "1" * 16, VERSION), (CATALOGUE, "v" + "1" * 16)):
        with pytest.raises(ArtifactCorrupt, match=r"join\.bin"):
            open_join(path, catalogue, model)
    whole = path.read_bytes()
    first = whole.rindex(b'["new') - 4 * ALIGNMENT  # five short arrays, the ids last
    starts = range(first, len(whole), ALIGNMENT)
    for place in (0, *starts, len(whole) - 1, whole.index(b"position_of")):
        path.unlink()
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ArtifactCorrupt, match=r"join\.bin"):
            open_join(path, CATALOGUE, VERSION)


def test_the_digest_of_new_items_changes_with_their_ids_and_rows_only(tmp_path: Path) -> None:
    def digest(sold: list[str], row: float) -> str:
        model = vocabulary(tmp_path, ["b", "c"])
        catalogue = written(tmp_path / "catalogue.bin", sold, {})
        new = new_positions_of(model, catalogue.vocabulary)
        return join_of(model, catalogue, new, np.full((len(new), HIDDEN), row, np.float32)).new_digest

    first = digest(["a", "b"], 1.0)
    assert first
    assert digest(["a", "b", "c"], 1.0) == first
    assert digest(["a2", "b"], 1.0) != first
    assert digest(["a", "b"], 2.0) != first
    assert digest(["b"], 1.0) == ""


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
    join = join_of(model, catalogue, np.array([4], np.int32), rows)
    items = ServedItems(model, HIDDEN, catalogue, join)

    # THEN it is known without the catalogue
    assert np.array_equal(ServedItems(model, HIDDEN, None, join).unavailable, items.unavailable)

    # THEN these are unavailable, and the document's items besides
    def unavailable() -> list[str]:
        return [items.item_id(int(index)) for index in np.flatnonzero(items.unavailable)]

    assert unavailable() == ["a", "b", "new"]
    items.set_unavailable(["d", "unlisted", "a", "no such item"])
    assert unavailable() == ["a", "b", "d", "unlisted", "new"]
    items.set_unavailable([])
    assert unavailable() == ["a", "b", "new"]
    assert ServedItems(model, HIDDEN).unavailable.size == 0
