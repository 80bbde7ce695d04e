"""The story of an evaluation: a model version, and the baselines beside it, under one protocol."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.baselines import Tuned, baselines, tune
from model_export.data.sessions import Sessions
from model_export.evaluation.analysis import Analysis, analyse
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.evaluation.leakage import Overlap, overlap
from model_export.metrics.protocol import Evaluation, Metrics, evaluate
from nextitem.errors import InputError
from nextitem.model.engine import Model

MODEL = "model"
"""The model's name among the rankers."""
TUNING = "tuning"
"""What the choice of the baselines' settings is called where progress is told."""

OnSession = Callable[[str, int, int], None]
"""Told of the ranker's name, how many test sessions are done, and of how many; of `TUNING`, in settings."""


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
        tuned: the baselines' settings, where training data was given.
        overlap: what train and test share, where training data was given.
        analysis: intervals, differences, slices and exposure.
    """

    version: str
    targets: int
    sessions: int
    model: Metrics
    baselines: Mapping[str, Metrics]
    ranks: NDArray[np.float64]
    tuned: Tuned | None
    overlap: Overlap | None
    analysis: Analysis

    @property
    def rankers(self) -> dict[str, Metrics]:
        """Metrics of the model and of the baselines, by name, the model first."""
        return {MODEL: self.model, **self.baselines}

    def as_json(self) -> dict[str, Any]:
        """Return the report as its JSON document."""
        return {
            "version": self.version,
            "targets": self.targets,
            "sessions": self.sessions,
            "model": self.model.as_json(),
            "baselines": {name: metrics.as_json() for name, metrics in self.baselines.items()},
            "overlap": asdict(self.overlap) if self.overlap is not None else None,
            "tuning": self.tuned.as_json() if self.tuned is not None else None,
            **self.analysis.as_json(),
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
    found: dict[str, Evaluation] = {
        MODEL: evaluate(EngineRanker(model), judged, lambda done: on_session(MODEL, done, total))
    }
    tuned = tune(train, lambda done, steps: on_session(TUNING, done, steps)) if train is not None else None
    for name, ranker in (baselines(train, tuned) if train is not None and tuned is not None else {}).items():

        def on_done(done: int, name: str = name) -> None:
            on_session(name, done, total)

        found[name] = evaluate(ranker, judged, on_done)
    metrics = {name: one.metrics for name, one in found.items()}
    return Report(
        version=model.version,
        targets=found[MODEL].targets,
        sessions=total,
        model=metrics.pop(MODEL),
        baselines=metrics,
        ranks=found[MODEL].ranks,
        tuned=tuned,
        overlap=overlap(train, test) if train is not None else None,
        analysis=analyse(found, judged, train, reference=MODEL),
    )
