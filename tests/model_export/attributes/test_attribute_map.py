"""A map learned from an item table gives new items rows near those of items with the same attributes."""

from pathlib import Path

import numpy as np
import pytest

from model_export.attributes.attribute_map import open_map, write_map
from model_export.attributes.learn import learn
from nextitem.errors import ArtifactCorrupt
from tests.model_export.attributes.shops import CATEGORY, COLOUR, HIDDEN, ITEMS, shop, table


def test_held_out_items_are_placed_among_their_like(tmp_path: Path) -> None:
    # GIVEN a map learned from six of seven items
    catalogue, rows = shop(tmp_path / "catalogue.bin"), table()
    held_out = np.arange(0, ITEMS, 7)
    others = np.setdiff1d(np.arange(ITEMS), held_out).astype(np.int32)
    learned, _ = learn(catalogue, others, rows[others])
    # WHEN it places the others
    placed = learned.rows(catalogue, held_out.astype(np.int32))
    # THEN each has the length of the table's rows, and is nearest to an item of its category and colour
    np.testing.assert_allclose(np.linalg.norm(placed, axis=1), 1, atol=1e-5)
    nearest = others[(placed @ rows[others].T).argmax(axis=1)]
    assert (CATEGORY[nearest] == CATEGORY[held_out]).all()
    assert (COLOUR[nearest] == COLOUR[held_out]).mean() > 0.8


@pytest.mark.slow
def test_many_items_are_learned_like_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a system as large as the features instead of one as large as the items
    catalogue, rows, positions = shop(tmp_path / "catalogue.bin"), table(), np.arange(ITEMS, dtype=np.int32)
    by_items, _ = learn(catalogue, positions, rows, 1.0)
    monkeypatch.setattr("model_export.attributes.learn.MAX_BY_ITEMS", ITEMS - 1)
    monkeypatch.setattr("model_export.attributes.learn._CHUNK", 50)
    by_features, _ = learn(catalogue, positions, rows, 1.0)
    np.testing.assert_allclose(by_items.rows(catalogue, positions), by_features.rows(catalogue, positions), atol=1e-4)


def test_a_map_survives_its_file_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    catalogue, positions = shop(tmp_path / "catalogue.bin"), np.arange(ITEMS, dtype=np.int32)
    learned, penalty = learn(catalogue, positions, table())
    first, second = tmp_path / "first.bin", tmp_path / "second.bin"
    write_map(first, learned)
    write_map(second, learn(catalogue, positions, table(), penalty)[0])
    # the same items give the same bytes, and the same rows
    assert first.read_bytes() == second.read_bytes()
    assert np.array_equal(open_map(first, HIDDEN).rows(catalogue, positions), learned.rows(catalogue, positions))
    with pytest.raises(ArtifactCorrupt, match="another hidden size"):
        open_map(first, HIDDEN + 16)
    first.write_bytes(first.read_bytes()[:-100])
    with pytest.raises(ArtifactCorrupt):
        open_map(first, HIDDEN)
