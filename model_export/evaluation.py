"""The story of an evaluation: a model version, and the baselines beside it, under one protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.baselines import baselines
from model_export.engine_ranker import EngineRanker
from model_export.protocol import Metrics, evaluate
from model_export.sessions import Sessions
from nextitem.engine import Model
from nextitem.errors import InputError

OnSession = Callable[[str, int, int], None]
"""Told of the ranker's name, how many test sessions are done, and of how many."""


@dataclass(frozen=True, eq=False)
class Report:
    """What an evaluation found.

    Attributes:
        version: the model version.
        targets: how many next items were to be found.
        sessions: test sessions that were left by the protocol.
        model: the quantized model's metrics.
        baselines: those of each baseline, where training data was given.
        ranks: the model's rank of each target, float64[targets], in the order of the test file.
    """

    version: str
    targets: int
    sessions: int
    model: Metrics
    baselines: dict[str, Metrics]
    ranks: NDArray[np.float64]

    def as_json(self) -> dict[str, Any]:
        """Return the report as its JSON document."""
        return {
            "version": self.version,
            "targets": self.targets,
            "sessions": self.sessions,
            "model": self.model.as_json(),
            "baselines": {name: metrics.as_json() for name, metrics in self.baselines.items()},
        }


def evaluate_artifact(model: Model, test: Sessions, train: Sessions | None, on_session: OnSession) -> Report:
    """Judge a model, and the baselines where the training sessions are given.

    Args:
        model: the model version, opened.
        test: test sessions, as read.
        train: the sessions that the model was trained on, or None.
        on_session: told of progress.

    Raises:
        InputError: the test leaves nothing to evaluate, or `train` has other items than the model.
    """
    vocabulary = model.vocabulary
    catalogue = tuple(map(vocabulary.item_id, range(len(vocabulary))))
    if train is not None and tuple(train.catalogue) != catalogue:
        raise InputError(
            f"the training events ({len(train.catalogue)} items) are not those of {model.version} "
            f"({len(catalogue)} items): baselines and model would rank different catalogues"
        )
    judged = test.recoded(catalogue)
    total = len(judged)
    result = evaluate(EngineRanker(model), judged, lambda done: on_session("model", done, total))
    found: dict[str, Metrics] = {}
    for name, ranker in (baselines(train) if train is not None else {}).items():

        def on_done(done: int, name: str = name) -> None:
            on_session(name, done, total)

        found[name] = evaluate(ranker, judged, on_done).metrics
    return Report(model.version, result.targets, total, result.metrics, found, result.ranks)
