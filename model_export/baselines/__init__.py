"""The baselines that every model is compared with.

Each is fitted on train sessions only, its settings are tuned on the last days of train, and it ranks under the same
protocol as a model. Decision 15 says why they are written here instead of taken from a library.
"""

from model_export.baselines.all_baselines import METHODS, NAMES, TrainingData
from model_export.baselines.scoring import ScoringRanker
from model_export.baselines.tuning import Tuned, default_settings, tune
from model_export.data.sessions import Sessions
from model_export.metrics.protocol import Ranker

__all__ = ["NAMES", "Tuned", "baselines", "default_settings", "tune"]


def baselines(train: Sessions, tuned: Tuned) -> dict[str, Ranker]:
    """Return all baselines by their published name, fitted on `train` with the tuned settings."""
    data = TrainingData(train)
    return {
        name: ScoringRanker(method.fit(data, tuned.settings[name]), current_item=current_item)
        for method in METHODS
        for name, current_item in method.forms.items()
    }
