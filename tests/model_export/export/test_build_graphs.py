"""The fp32 graphs equal torch; the graphs in 8 bits equal the rounded table."""

import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from onnxruntime import InferenceSession

from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.measure_loss import Loss, RankedTarget, compare, parity, rank_sessions, stepwise_difference
from model_export.export.onnx.parameters import parameters_of
from model_export.export.onnx.weights_file import ALIGNMENT
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.nbits import EightBit
from model_export.export.schemes.rounding import Quantized, quantize
from model_export.training.run_folder import Run
from model_export.training.torch_reference import torch_scores
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH, WEIGHTS
from tests.model_export.tiny import random_run

ITEMS = 50

Opened = tuple[GraphRunner, GraphRunner, Quantized]
"""The graphs in fp32, those in 8 bits, and the table of the latter."""

SHAPES = [(16, 1, True), (48, 2, True), (96, 1, False), (128, 2, False), (128, 1, True)]
"""Hidden size, layers, and whether scores are cosines."""


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[Run], Opened]:
    def open_graphs(run: Run) -> Opened:
        parameters = parameters_of(run)
        table = quantize(parameters.table)
        size = run.record.layers, run.record.hidden, run.record.items
        graphs = []
        for name, scheme in (("exact", Fp32()), ("quantized", EightBit())):
            folder = tmp_path / name
            folder.mkdir()
            write_graphs(folder, parameters, scheme, parameters.table[:1])
            graphs.append(GraphRunner(folder, *size))
        return graphs[0], graphs[1], table

    return open_graphs


@pytest.mark.parametrize(("hidden", "layers", "normalised"), SHAPES)
def test_fp32_equals_torch(opened: Callable[[Run], Opened], hidden: int, layers: int, normalised: bool) -> None:
    run = random_run(ITEMS, hidden, layers=layers, normalised=normalised)
    exact, _, _ = opened(run)
    reference = torch_scores(run, run.held_out)
    assert parity(exact, zip(run.held_out, reference, strict=True)) <= 1e-4
    assert min(float(np.ptp(scores)) for scores in reference) > 0.1


@pytest.mark.parametrize(("hidden", "layers", "normalised"), SHAPES)
def test_8_bits_equal_the_rounded_table(
    opened: Callable[[Run], Opened], hidden: int, layers: int, normalised: bool
) -> None:
    run = random_run(ITEMS, hidden, layers=layers, normalised=normalised)
    _, quantized, table = opened(run)
    for session in run.held_out:
        state = quantized.step(quantized.start(), session)
        scores = quantized.scores(state)
        x = state[-1, 0]
        if normalised:
            x = x / np.linalg.norm(x) / run.record.temperature
        expected = x @ table.table().T
        assert np.abs(scores - expected).max() <= 0.03 * np.abs(expected).max()
    assert stepwise_difference(quantized, run.held_out) <= 1e-4


def test_a_state_of_zeros_scores_zero(opened: Callable[[Run], Opened]) -> None:
    run = random_run(ITEMS)
    silent = {name: np.zeros_like(values) for name, values in run.weights.items()}
    run = msgspec.structs.replace(run, weights={**silent, "table": run.weights["table"]})
    exact, quantized, _ = opened(run)
    assert parity(exact, zip(run.held_out, torch_scores(run, run.held_out), strict=True)) == 0.0
    assert quantized.scores(quantized.start()).tolist() == [0.0] * ITEMS


def test_parity_reports_nan(opened: Callable[[Run], Opened]) -> None:
    run = random_run(ITEMS)
    exact, _, _ = opened(run)
    reference = torch_scores(run, run.held_out)
    reference[3][7] = np.nan
    assert np.isnan(parity(exact, zip(run.held_out, reference, strict=True)))


def test_equal_graphs_have_no_loss(opened: Callable[[Run], Opened]) -> None:
    run = random_run(ITEMS, sessions=20)
    exact, quantized, _ = opened(run)
    best, served = (rank_sessions(graphs, run.held_out, ITEMS) for graphs in (exact, quantized))
    none, some = compare(best, best), compare(best, served)
    targets = sum(len(session) - 1 for session in run.held_out)
    assert none == Loss(1.0, 0.0, 0.0, targets)
    assert 0.9 < some.overlap <= 1.0
    assert some.targets == targets


def test_a_lost_hit_is_a_negative_delta() -> None:
    best = frozenset({1, 2})
    exact = [RankedTarget(best, 1.0), RankedTarget(best, 2.0)]
    served = [RankedTarget(best, 1.0), RankedTarget(frozenset({1, 3}), np.inf)]
    assert compare(exact, served) == Loss(overlap=0.75, hr_delta=-0.5, mrr_delta=-0.25, targets=2)


def test_without_targets_no_loss_is_known() -> None:
    loss = compare([], [])
    assert loss.targets == 0
    assert np.isnan([loss.overlap, loss.hr_delta, loss.mrr_delta]).all()


def _references(path: Path) -> dict[str, tuple[dict[str, str], tuple[int, ...]]]:
    """A graph's external tensors: where each is stored, and its shape."""
    graph = onnx.load(path, load_external_data=False).graph
    return {
        tensor.name: ({entry.key: entry.value for entry in tensor.external_data}, tuple(tensor.dims))
        for tensor in graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
    }


def test_both_graphs_share_one_aligned_file(opened: Callable[[Run], Opened], tmp_path: Path) -> None:
    run = random_run(items=608, hidden=48, layers=2)
    _, _, table = opened(run)
    folder = tmp_path / "quantized"
    step, score = (_references(folder / name) for name in (STEP_GRAPH, SCORE_GRAPH))
    size = (folder / WEIGHTS).stat().st_size
    for where, _ in (*step.values(), *score.values()):
        assert where["location"] == WEIGHTS
        assert int(where["offset"]) % ALIGNMENT == 0
        assert int(where["offset"]) + int(where["length"]) <= size
    scored = {tuple(where.items()) for where, _ in score.values()}
    for name in ("codes", "scales"):
        assert tuple(step[name][0].items()) in scored
    assert step["codes"][1] == table.codes.shape
    assert (folder / WEIGHTS).read_bytes().count(table.codes.tobytes()) == 1
    spans = sorted({(int(where["offset"]), int(where["length"])) for where, _ in step.values()})
    assert all(at + length <= following for (at, length), (following, _) in itertools.pairwise(spans))


def _top(folder: Path, state: NDArray[np.float32], exclude: list[int], k: int) -> tuple[list[float], list[int]]:
    none = np.empty(0, np.int64)
    feeds = {
        "hidden": state,
        "only": none,
        "exclude": np.array(exclude, np.int64),
        "unavailable": np.empty(0, np.bool_),
        "k": np.array([k]),
        "new_rows": np.empty((0, state.shape[-1]), np.float32),
    }
    scores, items = InferenceSession(str(folder / SCORE_GRAPH)).run(("scores", "items"), feeds)
    return scores.tolist(), items.tolist()


def test_excluded_items_come_last(opened: Callable[[Run], Opened], tmp_path: Path) -> None:
    run = random_run(ITEMS)
    _, quantized, _ = opened(run)
    state = quantized.step(quantized.start(), run.held_out[0])
    folder = tmp_path / "quantized"
    scores, items = _top(folder, state, [], ITEMS)
    assert sorted(items) == list(range(ITEMS))
    assert scores == sorted(scores, reverse=True)
    barred = [items[0], items[3], items[3], items[7]]
    left_scores, left = _top(folder, state, barred, ITEMS)
    kept = [item for item in items if item not in barred]
    assert left[: len(kept)] == kept
    assert left_scores[: len(kept)] == [score for score, item in zip(scores, items, strict=True) if item not in barred]
    assert left_scores[len(kept) :] == [-np.inf] * 3
    assert _top(folder, state, barred, 4)[1] == kept[:4]
