"""The graphs compute what torch computes, and in 8 bits what the rounded table gives."""

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

from model_export.export.graph_runner import GraphRunner
from model_export.export.measure_loss import Loss, compare, parity, rank_sessions, stepwise_difference
from model_export.export.onnx.parameters import parameters_of
from model_export.export.onnx.weights_file import ALIGNMENT
from model_export.export.onnx_graphs import write_graphs
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.nbits import EightBit
from model_export.export.schemes.rounding import Quantized, quantize
from model_export.training.run_folder import Run
from model_export.training.torch_reference import torch_scores
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH, WEIGHTS
from tests.model_export.tiny import random_run

ITEMS = 50

Opened = tuple[GraphRunner, GraphRunner, Quantized]
"""The graphs in fp32, those in 8 bits, and the table of these."""

SHAPES = list(itertools.product((16, 48, 96, 128), (1, 2), (True, False)))
"""HiddenState size, layers, and whether scores are cosines."""


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
def test_fp32_is_torch(opened: Callable[[Run], Opened], hidden: int, layers: int, normalised: bool) -> None:
    # GIVEN random weights of any shape
    run = random_run(ITEMS, hidden, layers=layers, normalised=normalised)
    exact, _, _ = opened(run)
    # WHEN torch and the fp32 graphs score whole sessions
    reference = torch_scores(run, run.held_out)
    # THEN they agree within 1e-4, and not because all scores are alike
    assert parity(exact, zip(run.held_out, reference, strict=True)) <= 1e-4
    assert min(float(np.ptp(scores)) for scores in reference) > 0.1


@pytest.mark.parametrize(("hidden", "layers", "normalised"), SHAPES)
def test_8_bits_are_the_rounded_table(
    opened: Callable[[Run], Opened], hidden: int, layers: int, normalised: bool
) -> None:
    # GIVEN random weights of any shape, and the graphs in 8 bits
    run = random_run(ITEMS, hidden, layers=layers, normalised=normalised)
    _, quantized, table = opened(run)
    for session in run.held_out:
        state = quantized.step(quantized.start(), session)
        # WHEN they score a state
        scores = quantized.scores(state)
        # THEN that is the state times the rounded table, but for the rounding of the state itself
        x = state[-1, 0]
        if normalised:
            x = x / np.linalg.norm(x) / run.record.temperature
        expected = x @ table.table().T
        assert np.abs(scores - expected).max() <= 0.03 * np.abs(expected).max()
    # AND a state is the same whether its events come one by one or all at once
    assert stepwise_difference(quantized, run.held_out) <= 1e-4


def test_a_state_of_zeros_scores_zero(opened: Callable[[Run], Opened]) -> None:
    # GIVEN a network whose hidden state never leaves zero, and whose scores are cosines
    run = random_run(ITEMS)
    silent = {name: np.zeros_like(values) for name, values in run.weights.items()}
    run = msgspec.structs.replace(run, weights={**silent, "table": run.weights["table"]})
    exact, quantized, _ = opened(run)
    # WHEN it scores
    # THEN there is no direction to score by, but no NaN either
    assert parity(exact, zip(run.held_out, torch_scores(run, run.held_out), strict=True)) == 0.0
    assert quantized.scores(quantized.start()).tolist() == [0.0] * ITEMS


def test_what_is_no_number_is_never_overlooked(opened: Callable[[Run], Opened]) -> None:
    # GIVEN graphs whose answers are right but for one NaN in the middle
    run = random_run(ITEMS)
    exact, _, _ = opened(run)
    reference = torch_scores(run, run.held_out)
    reference[3][7] = np.nan
    # WHEN they are compared
    # THEN the difference is none that any bound allows
    assert np.isnan(parity(exact, zip(run.held_out, reference, strict=True)))


def test_the_loss_of_equal_graphs_is_none(opened: Callable[[Run], Opened]) -> None:
    # GIVEN graphs that are compared with themselves, and others in 8 bits
    run = random_run(ITEMS, sessions=20)
    exact, quantized, _ = opened(run)
    # WHEN the loss is measured
    best, served = (rank_sessions(graphs, run.held_out, ITEMS) for graphs in (exact, quantized))
    none, some = compare(best, best), compare(best, served)
    # THEN a graph loses nothing against itself, over every transition there is
    targets = sum(len(session) - 1 for session in run.held_out)
    assert none == Loss(1.0, 0.0, 0.0, targets)
    # AND 8 bits lose little, even of random weights
    assert 0.9 < some.overlap <= 1.0
    assert some.targets == targets


def _references(path: Path) -> dict[str, tuple[dict[str, str], tuple[int, ...]]]:
    """A graph's external tensors: where each lies, and its shape."""
    graph = onnx.load(path, load_external_data=False).graph
    return {
        tensor.name: ({entry.key: entry.value for entry in tensor.external_data}, tuple(tensor.dims))
        for tensor in graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
    }


def test_both_graphs_share_one_aligned_file(opened: Callable[[Run], Opened], tmp_path: Path) -> None:
    # GIVEN graphs in 8 bits, of as many items as are summed at once
    run = random_run(items=608, hidden=48, layers=2)
    _, _, table = opened(run)
    folder = tmp_path / "quantized"
    # WHEN their tensors are looked up
    step, score = (_references(folder / name) for name in (STEP_GRAPH, SCORE_GRAPH))
    # THEN each lies in the one weights file, at the beginning of a page and within the file
    size = (folder / WEIGHTS).stat().st_size
    for where, _ in (*step.values(), *score.values()):
        assert where["location"] == WEIGHTS
        assert int(where["offset"]) % ALIGNMENT == 0
        assert int(where["offset"]) + int(where["length"]) <= size
    # AND the table is there once, for input and scoring alike
    scored = {tuple(where.items()) for where, _ in score.values()}
    for name in ("codes", "scales"):
        assert tuple(step[name][0].items()) in scored
    assert step["codes"][1] == table.codes.shape
    assert (folder / WEIGHTS).read_bytes().count(table.codes.tobytes()) == 1
    # AND no tensor overlaps another
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
    }
    scores, items = InferenceSession(str(folder / SCORE_GRAPH)).run(None, feeds)
    return scores.tolist(), items.tolist()


def test_excluded_items_come_last(opened: Callable[[Run], Opened], tmp_path: Path) -> None:
    # GIVEN the whole catalogue, ranked
    run = random_run(ITEMS)
    _, quantized, _ = opened(run)
    state = quantized.step(quantized.start(), run.held_out[0])
    folder = tmp_path / "quantized"
    scores, items = _top(folder, state, [], ITEMS)
    assert sorted(items) == list(range(ITEMS))
    assert scores == sorted(scores, reverse=True)
    # WHEN some of its best are excluded, one of them twice
    barred = [items[0], items[3], items[3], items[7]]
    left_scores, left = _top(folder, state, barred, ITEMS)
    # THEN they come last, as no item at all, and nothing else has changed
    kept = [item for item in items if item not in barred]
    assert left[: len(kept)] == kept
    assert left_scores[: len(kept)] == [score for score, item in zip(scores, items, strict=True) if item not in barred]
    assert left_scores[len(kept) :] == [-np.inf] * 3
    # AND a smaller k gives the first of them
    assert _top(folder, state, barred, 4)[1] == kept[:4]
