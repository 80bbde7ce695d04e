"""Items as numbers: hashed texts, places between quantiles, the same weight for each column."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from model_export.attributes.features import SIZE, features_of, places_of, rarity_of
from tests.nextitem.catalogue.strategies import Cells, catalogues, written
from tests.nextitem.parts import STEADY

SHARED_FOLDER = settings(
    STEADY, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@SHARED_FOLDER
@given(catalogues())
@pytest.mark.slow
def test_any_catalogue_can_be_described(tmp_path: Path, drawn: tuple[list[str], Cells]) -> None:
    # GIVEN a catalogue with columns of any kind and missing values
    ids, cells = drawn
    catalogue = written(tmp_path / "catalogue.bin", ids, cells)
    positions = np.arange(len(ids), dtype=np.int32)
    # WHEN its items are described
    places = places_of(catalogue, positions)
    plain = features_of(catalogue, positions, places)
    features = features_of(catalogue, positions, places, rarity_of(plain))
    # THEN each column that an item has a value in weighs 1
    assert len(features) == len(ids)
    assert np.isfinite(features.values).all()
    assert not features.columns.size or 0 <= features.columns.min() <= features.columns.max() < SIZE
    for item in range(len(ids)):
        weights = features.values[features.starts[item] : features.starts[item + 1]]
        described = sum(catalogue.value(place.name, item) is not None for place in places)
        assert np.square(weights).sum() <= described + 1e-3
    # AND some items in another order have the same features
    order = np.arange(len(ids))[::-1]
    assert np.array_equal(features.of(order).dense(0, len(ids)), features.dense(0, len(ids))[order])


def test_texts_with_common_words_and_near_numbers_are_alike(tmp_path: Path) -> None:
    titles = ["Red trail shoes", "blue TRAIL-shoes", "cast iron pan", None]
    prices = [80.0, 85.0, 30.0, None]
    cells: Cells = {"title": ("string", titles), "price": ("number", prices), "stock": ("number", [1.0, 2.0, 3.0, 4.0])}
    catalogue = written(tmp_path / "catalogue.bin", ["a", "b", "c", "d"], cells)
    positions = np.arange(4, dtype=np.int32)
    places = places_of(catalogue, positions)
    assert [place.name for place in places] == ["title", "price"]  # the stock does not say what an item is
    dense = features_of(catalogue, positions, places).dense(0, 4)
    likeness = dense @ dense.T
    assert likeness[0, 1] > 2 * likeness[0, 2]
    assert not dense[3].any()


def test_a_column_that_another_catalogue_lacks_or_has_in_another_kind_is_missing(tmp_path: Path) -> None:
    first = written(tmp_path / "first.bin", ["a"], {"size": ("string", ["9"]), "brand": ("string", ["x"])})
    second = written(tmp_path / "second.bin", ["a"], {"size": ("number", [9.0])})
    positions = np.zeros(1, np.int32)
    places = places_of(first, positions)
    assert features_of(first, positions, places).columns.size
    assert not features_of(second, positions, places).columns.size
