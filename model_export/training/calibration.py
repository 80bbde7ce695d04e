"""Fit what makes a score a probability, on the validation days: a temperature and a level (Platt 1999)."""

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from model_export.memory import Blend
from model_export.metrics.calibration import calibration_error
from model_export.metrics.ranking import CUTOFF
from model_export.training.blend_targets import BlendTargets
from nextitem.model.manifest import Calibration

Floats = NDArray[np.float64]

STEPS = 50
"""Steps of Newton's method: it needs about ten."""
CLOSE = 1e-9
"""A step that ends the search."""
RIDGE = 1e-6
"""Keeps the search finite where the best items always come next, or never do."""
MIN_CAME = 50
"""Targets among the first `CUTOFF` from which a temperature is fitted and an error measured; fewer fit a level only."""
LEAST_SLOPE = 1e-3
"""The order of scores stays, even where the validation days say that it is none."""


def fit_calibration(targets: BlendTargets, blend: Blend | None) -> Calibration:
    """Return the calibration of the first `CUTOFF` scores of each target, and its error on unseen targets.

    Args:
        targets: see `BlendTargets`.
        blend: None for the network's own scores.
    """
    scores = targets.scores if blend is None else targets.blended(blend)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :CUTOFF]
    listed = np.take_along_axis(scores, best, axis=1).astype(np.float64)
    came = best == targets.place[:, None]
    slope, intercept = _fit(listed, came)
    calibration = Calibration(temperature=1.0 / slope, level=-intercept / slope)
    half = np.arange(len(listed)) < len(listed) // 2
    if not (_is_enough(came[half]) and _is_enough(came[~half])):
        return calibration
    fitted = np.concatenate([_probabilities(listed[part], *_fit(listed[~part], came[~part])) for part in (half, ~half)])
    softmax = np.exp(listed - np.logaddexp.reduce(scores.astype(np.float64), axis=1, keepdims=True))
    return replace(
        calibration,
        error=calibration_error(fitted.ravel(), came.ravel()),
        softmax_error=calibration_error(softmax.ravel(), came.ravel()),
    )


def _probabilities(scores: Floats, slope: float, intercept: float) -> Floats:
    return np.exp(-np.logaddexp(0.0, -(slope * scores + intercept)))


def _fit(scores: Floats, came: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and intercept of the logistic regression of `came` on the scores, by Newton's method."""
    finite = np.isfinite(scores)
    values, labels = scores[finite], came[finite].astype(np.float64)
    if not len(values):
        return 1.0, 0.0
    mean, deviation = float(values.mean()), max(float(values.std()), LEAST_SLOPE)
    inputs = np.stack([(values - mean) / deviation, np.ones(len(values))], axis=1)
    weights = np.array([deviation, 0.0])  # a slope of 1
    free = slice(0 if _is_enough(came) else 1, 2)
    for _ in range(STEPS):
        chances = np.exp(-np.logaddexp(0.0, -inputs @ weights))
        slopes = (inputs.T @ (labels - chances) / len(labels) - RIDGE * weights)[free]
        curvature = (inputs.T * (chances * (1.0 - chances))) @ inputs / len(labels) + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature[free, free], slopes)
        weights[free] += np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < CLOSE:
            break
    slope = max(float(weights[0]) / deviation, LEAST_SLOPE)
    return slope, float(weights[1]) - slope * mean


def _is_enough(came: NDArray[np.bool_]) -> bool:
    return int(came.sum()) >= MIN_CAME
