"""The baselines that every model is shown beside.

Each is fitted on train sessions alone, its settings are chosen on validation days cut from train, and it ranks under
the same protocol as a model. They know nothing of torch, ONNX or artifacts.
"""

from model_export.baselines.registry import METHODS, NAMES, Ground
from model_export.baselines.scoring import ScoringRanker
from model_export.baselines.tuning import Tuned, tune, untuned
from model_export.data.sessions import Sessions
from model_export.metrics.protocol import Ranker

__all__ = ["NAMES", "Tuned", "baselines", "tune", "untuned"]


def baselines(train: Sessions, tuned: Tuned) -> dict[str, Ranker]:
    """All baselines, fitted on `train` with these settings, by their published name."""
    ground = Ground(train)
    return {
        name: ScoringRanker(method.make(ground, tuned.settings[name]), current=current)
        for method in METHODS
        for name, current in method.forms.items()
    }
