"""Rows in int16: how close they are, and the column that replaces their scales."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.rows import LARGEST, ShortRows
from nextitem.model.onnx_graphs import open_graph

HIDDEN = 8
VALUES = st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=True) | st.floats(-1, 1, width=32)
Floats = NDArray[np.float32]


def read_and_multiply(table: Floats, column: Floats) -> tuple[Floats, Floats]:
    """All rows as a graph restores them, and their products with a column."""
    with TemporaryDirectory() as folder:
        with WeightsFile(Path(folder, "weights.bin")) as weights:
            rows = ShortRows.store(weights, table)
        graph = GraphBuilder(weights)
        stored = rows.gather(graph, graph.input("items", TensorProto.INT64, ["n"]))
        given_column = graph.input("column", TensorProto.FLOAT, [HIDDEN, 1])
        graph.output("restored", rows.restored(stored), TensorProto.FLOAT, ["n", HIDDEN])
        graph.output("products", stored @ rows.scaled(given_column), TensorProto.FLOAT, ["n", 1])
        path = Path(folder, "rows.onnx")
        path.write_bytes(graph.model("rows").SerializeToString())
        feeds = {"items": np.arange(len(table)), "column": column.reshape(HIDDEN, 1)}
        restored, products = open_graph(path).run(None, feeds)
    return np.asarray(restored, np.float32), np.asarray(products, np.float32).reshape(-1)


@settings(deadline=None, max_examples=50)
@given(table=hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(HIDDEN)), elements=VALUES))
def test_no_value_is_off_by_more_than_half_a_step_of_its_dimension(table: Floats) -> None:
    with TemporaryDirectory() as folder:
        with WeightsFile(Path(folder, "weights.bin")) as weights:
            rows = ShortRows.store(weights, table)
        levels = np.fromfile(Path(folder, "weights.bin"), np.int16).reshape(table.shape)
    reach = np.abs(table.astype(np.float64)).max(axis=0)
    step = np.maximum(reach / LARGEST, np.finfo(np.float32).tiny)
    assert (np.abs(levels * rows.scales.astype(np.float64) - table) <= 0.5 * step + 1e-6 * reach).all()
    assert (np.abs(levels).max(axis=0)[reach > step * LARGEST * 0.999] == LARGEST).all()


def test_the_products_are_those_of_restored_rows() -> None:
    rng = np.random.default_rng(1)
    table = rng.standard_normal((50, HIDDEN), np.float32) * np.logspace(-3, 3, HIDDEN, dtype=np.float32)
    column = rng.standard_normal(HIDDEN, np.float32)
    restored, products = read_and_multiply(table, column)
    np.testing.assert_allclose(products, restored @ column, rtol=1e-4, atol=1e-4 * np.abs(table).max())


def test_rows_of_unit_length_are_closer_than_in_float16() -> None:
    table = np.random.default_rng(2).standard_normal((5000, HIDDEN), np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    restored, _ = read_and_multiply(table, np.ones(HIDDEN, np.float32))
    off, off_in_halves = np.abs(restored - table).mean(), np.abs(table.astype(np.float16) - table).mean()
    assert off < off_in_halves / 3


def test_equal_rows_stay_equal_and_zeros_stay_zeros() -> None:
    table = np.zeros((3, HIDDEN), np.float32)
    table[:2, 1:] = 0.3
    restored, products = read_and_multiply(table, np.arange(HIDDEN, dtype=np.float32))
    assert (restored[0] == restored[1]).all()
    assert products[0] == products[1]
    assert (restored[2] == 0).all()
    assert (restored[:, 0] == 0).all()
