"""Calibrated scores are probabilities that come true as often as they say, in the order of the scores."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.measure_loss import parity
from model_export.export.onnx.parameters import parameters_of
from model_export.export.schemes.fp32 import Fp32
from model_export.metrics.calibration import BINS, calibration_error
from model_export.training.blend_targets import BlendTargets
from model_export.training.calibration import LEAST_SLOPE, fit_calibration
from model_export.training.torch_reference import torch_scores
from nextitem.model.manifest import Calibration
from tests.model_export.memory.memory_runs import with_memory

CALIBRATION = Calibration(temperature=1.7, level=2.5)


def drawn_targets(temperature: float, shift: float) -> BlendTargets:
    """Targets that come as often as the softmax of their scores says, whose scores are then stretched and shifted."""
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(3000, 30)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    place = (shares.cumsum(axis=1) < rng.random((3000, 1))).sum(axis=1)
    scores = (logits * temperature + shift).astype(np.float32)
    empty = np.zeros(scores.shape, np.float32)
    return BlendTargets(scores, empty, np.full(scores.shape, -1), place, np.ones(3000, np.int64), 0.0)


@pytest.mark.parametrize(("temperature", "shift"), [(1.0, 0.0), (3.0, -7.0), (0.3, 20.0)])
def test_scores_of_any_scale_become_the_probabilities_they_came_from(temperature: float, shift: float) -> None:
    plain, stretched = (fit_calibration(drawn_targets(*scale), None) for scale in ((1.0, 0.0), (temperature, shift)))
    assert stretched.temperature == pytest.approx(plain.temperature * temperature, rel=1e-3)
    assert stretched.level == pytest.approx(plain.level * temperature + shift, rel=1e-3, abs=1e-3)
    assert plain.error is not None
    assert stretched.error == pytest.approx(plain.error, abs=1e-4)
    assert plain.error < 0.02


def test_a_wrong_scale_is_seen_in_the_error_of_a_softmax() -> None:
    calibrated = fit_calibration(drawn_targets(4.0, 0.0), None)
    assert calibrated.error is not None
    assert calibrated.softmax_error is not None
    assert calibrated.softmax_error > 2 * calibrated.error


def test_the_order_stays_where_the_validation_knows_none() -> None:
    targets = drawn_targets(1.0, 0.0)
    reversed_scores = BlendTargets(
        -targets.scores, targets.votes, targets.ages, targets.place, targets.events, targets.level
    )
    assert 0 < fit_calibration(reversed_scores, None).temperature <= 1 / LEAST_SLOPE
    never = BlendTargets(targets.scores, targets.votes, targets.ages, np.full(3000, -1), targets.events, targets.level)
    calibration = fit_calibration(never, None)
    assert np.isfinite([calibration.temperature, calibration.level]).all()
    assert calibration.temperature == 1.0
    assert calibration.error is None


def test_few_targets_fit_a_level_only() -> None:
    targets = drawn_targets(3.0, 0.0)
    few = BlendTargets(
        targets.scores[:20], targets.votes[:20], targets.ages[:20], targets.place[:20], targets.events[:20], 0.0
    )
    calibration = fit_calibration(few, None)
    assert calibration.temperature == 1.0
    assert calibration.error is None
    assert fit_calibration(targets, None).temperature > 2.0


def test_the_error_is_the_distance_of_what_is_said_from_what_comes() -> None:
    said = np.repeat(np.linspace(0.0, 0.95, BINS), 100)
    came = np.tile(np.arange(100), BINS) < np.round(said * 100)
    assert calibration_error(said, came) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(said + 0.05, came) == pytest.approx(0.05)
    assert calibration_error(np.array([]), np.array([], np.bool_)) == 0.0


def test_the_graph_gives_logarithms_of_probabilities_in_the_order_of_the_scores(tmp_path: Path) -> None:
    # GIVEN a run, and the same with a calibration
    plain = with_memory()
    run = msgspec.structs.replace(plain, record=msgspec.structs.replace(plain.record, calibration=CALIBRATION))
    sessions = [SessionEvents.views(np.array(items, np.int32)) for items in ([3], [5, 3, 5], [1, 2, 3, 4])]
    # WHEN the graph scores sessions
    parameters = parameters_of(run)
    write_graphs(tmp_path, parameters, Fp32(), parameters.table)
    graphs = GraphRunner(tmp_path, run.record.layers, run.record.hidden, run.record.items)
    # THEN it does as torch and numpy do
    scores = torch_scores(run, sessions)
    assert parity(graphs, zip(sessions, scores, strict=True)) <= 1e-4
    # AND the scores are those of the formula, all below 0, in the order of the plain ones
    for own, before in zip(scores, torch_scores(plain, sessions), strict=True):
        expected = 1 / (1 + np.exp((CALIBRATION.level - before) / CALIBRATION.temperature))
        np.testing.assert_allclose(np.exp(own), expected, rtol=1e-4)
        assert (own < 0).all()
        assert np.argsort(-own, kind="stable").tolist() == np.argsort(-before, kind="stable").tolist()
