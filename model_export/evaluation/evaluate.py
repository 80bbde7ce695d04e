"""Evaluate a model version, and the baselines beside it, by the same protocol."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.baselines import Tuned, baselines, tune
from model_export.data.sessions import Sessions
from model_export.evaluation.analysis import Analysis, analyse
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.evaluation.leakage import Overlap, overlap
from model_export.evaluation.unlike_items import unknown_in, unlike_ids
from model_export.metrics.protocol import Evaluation, Ranker, evaluate
from nextitem.errors import InputError
from nextitem.model.engine import Model

MODEL = "model"
"""The model's name among the rankers."""
TUNING = "tuning"
"""The name under which `Progress` counts the tuned settings of the baselines."""

Progress = Callable[[str, int, int], None]
"""Called with the ranker's name, the number of test sessions done, and their total."""


@dataclass(frozen=True, eq=False)
class Report:
    """The result of an evaluation; `tuned` and `overlap` are None without training data.

    Attributes:
        version: the model version.
        ranks: float64[targets], the model's ranks among all items, in the order of the test file.
        tuned: the baselines' settings.
        overlap: the data that train and test share.
        analysis: quality with and without seen items, slices and exposure.
        calibration_error: of the probabilities of the first 20 items; None for a model without a calibration.
    """

    version: str
    ranks: NDArray[np.float64]
    tuned: Tuned | None
    overlap: Overlap | None
    analysis: Analysis
    calibration_error: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the report as its JSON document."""
        return {
            "version": self.version,
            "overlap": asdict(self.overlap) if self.overlap is not None else None,
            "calibration_error": self.calibration_error,
            "tuning": self.tuned.as_json() if self.tuned is not None else None,
            **self.analysis.as_json(),
        }


def evaluate_artifact(
    model: Model, test: Sessions, train: Sessions | None, progress: Progress, *, by_day: bool = False
) -> Report:
    """Evaluate a model, and the baselines if the training sessions are given.

    Args:
        model: the model version, opened.
        test: test sessions, as read.
        train: the sessions that the model was trained on, or None.
        progress: called after each session and each tuned setting.
        by_day: whether to measure each UTC day, too.

    Raises:
        InputError: the test sessions hold no target, or the items of `train` are not those of the model.
    """
    catalogue = tuple(map(model.vocabulary.item_id, range(len(model.vocabulary))))
    if train is not None and tuple(train.catalogue) != catalogue:
        raise InputError(
            f"the training events ({len(train.catalogue)} items) are not those of {model.version} "
            f"({len(catalogue)} items): baselines and model would rank different catalogues"
        )
    known = test.recoded(catalogue)
    if not known.is_target.any() and (unknown := unknown_in(test, model.vocabulary)):
        raise InputError(
            f"the test events leave nothing to evaluate: no session has two events of items that {model.version} has. "
            f"{unlike_ids(unknown, model.vocabulary)}"
        )
    tuned = None

    def ranked(name: str, ranker: Ranker) -> Evaluation:
        return evaluate(ranker, known, lambda done: progress(name, done, len(known)))

    engine = EngineRanker(model, known.types, keeps_scores=True)
    evaluations = {MODEL: ranked(MODEL, engine)}
    if train is not None:
        tuned = tune(train, partial(progress, TUNING))
        evaluations |= {name: ranked(name, ranker) for name, ranker in baselines(train, tuned).items()}
    return Report(
        version=model.version,
        ranks=evaluations[MODEL].with_seen.ranks,
        tuned=tuned,
        overlap=overlap(train, test) if train is not None else None,
        analysis=analyse(evaluations, known, train, reference=MODEL, by_day=by_day),
        calibration_error=engine.calibration_error(),
    )
