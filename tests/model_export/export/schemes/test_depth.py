"""How deep the best items lie in a rough ranking, and that an inverted file rescores so many."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.export.onnx.parameters import parameters_of
from model_export.export.schemes import depth
from model_export.export.schemes.depth import BEST, FEWEST, FOUND, MARGIN, measured_depth
from model_export.export.schemes.ivf import Ivf
from model_export.export.schemes.rotation import rotation
from tests.model_export.export.schemes.test_schemes import Scorer
from tests.model_export.tiny import random_run

ITEMS, HIDDEN, DIMS = 8_000, 48, 44

Floats = NDArray[np.float32]


def normal(seed: int, *shape: int) -> Floats:
    """A table or states without any direction of more variance: truncation loses much of the scores."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def test_the_depth_is_that_of_a_brute_search() -> None:
    table, states = normal(1, ITEMS, HIDDEN), normal(2, 2 * FEWEST, HIDDEN)
    rotated = rotation(table, states[::2], DIMS)
    places = []
    for state in states[1::2]:
        best = np.argsort(-(table @ state))[:BEST]
        rough = (table - rotated.centre) @ rotated.rows @ (state @ rotated.states)
        places += [int((rough > rough[item]).sum()) + 1 for item in best]
    assert measured_depth(table, states, DIMS) == pytest.approx(MARGIN * np.quantile(places, FOUND), rel=0.01)


def test_chunks_of_a_table_have_its_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    table, states = normal(1, ITEMS, HIDDEN), normal(3, 2 * FEWEST, HIDDEN)
    whole = measured_depth(table, states, DIMS)
    monkeypatch.setattr(depth, "_LAST", {})
    monkeypatch.setattr(depth, "chunks", lambda rows: (rows[at : at + 1000] for at in range(0, ITEMS, 1000)))
    assert measured_depth(table, states, DIMS) == pytest.approx(whole, rel=0.01)


def test_rows_of_few_directions_lie_near_the_top() -> None:
    axes = normal(4, 6, HIDDEN)
    table, states = normal(5, ITEMS, 6) @ axes, normal(6, 2 * FEWEST, 6) @ axes
    measured = measured_depth(table, states, 8)
    assert measured is not None
    assert measured <= 2 * BEST


def test_few_states_measure_nothing() -> None:
    assert measured_depth(normal(1, 100, HIDDEN), normal(2, 2 * FEWEST - 1, HIDDEN), DIMS) is None


@pytest.mark.slow
def test_an_inverted_file_of_all_blocks_finds_the_best_however_deep_they_lie(tmp_path: Path) -> None:
    parameters = parameters_of(random_run(ITEMS, HIDDEN, table=normal(7, ITEMS, HIDDEN)))
    states, queries = normal(8, 200, HIDDEN), normal(9, 30, HIDDEN)
    scheme = Ivf(percent=100, dims=DIMS, candidates=1000)
    found = []
    for number, calibration in enumerate((states, states[: 2 * FEWEST - 1])):
        folder = tmp_path / str(number)
        folder.mkdir()
        scorer = Scorer(folder, scheme, parameters, calibration)
        best = [{*np.argsort(-scorer.exact(state))[:BEST].tolist()} for state in queries]
        shared = [len({*scorer.top(state)[0]} & items) for state, items in zip(queries, best, strict=True)]
        found.append(sum(shared) / BEST / len(queries))
    assert found[0] >= 0.995
    assert found[1] <= found[0] - 0.01  # with a list of fixed length, all blocks are not enough
