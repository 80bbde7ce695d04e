"""Where a catalogue has more new items than a request can score, the latest ones get rows."""

from pathlib import Path

import numpy as np
import pytest

from nextitem.catalogue.new_rows import latest_items
from tests.nextitem.catalogue.strategies import Cells, written

IDS = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"price": ("number", [1.0, 2.0, 3.0, 4.0, 5.0])}, [0, 2]),
        ({"price": ("number", [1.0] * 5), "added": ("time", [3e12, 9e12, 1e12, None, 2e12])}, [0, 4]),
    ],
)
def test_the_latest_items_are_kept(tmp_path: Path, cells: Cells, expected: list[int]) -> None:
    catalogue = written(tmp_path / "catalogue.bin", IDS, cells)
    positions = np.array([0, 2, 3, 4], np.int32)
    assert latest_items(catalogue, positions, 2).tolist() == expected
    assert latest_items(catalogue, positions, 4).tolist() == [0, 2, 3, 4]
