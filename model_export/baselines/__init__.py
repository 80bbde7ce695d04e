"""The baselines that every model is shown beside.

Each is fitted on train sessions alone and ranks under the same protocol as a model. They know
nothing of torch, ONNX or artifacts.
"""

from model_export.baselines.popularity import Popularity
from model_export.baselines.scoring import Scorer, ScoringRanker
from model_export.baselines.sequential_rules import SequentialRules
from model_export.baselines.vmis_knn import VmisKnn
from model_export.protocol import Ranker
from model_export.sessions import Sessions

__all__ = ["Popularity", "Scorer", "ScoringRanker", "SequentialRules", "VmisKnn", "baselines"]


def baselines(train: Sessions) -> dict[str, Ranker]:
    """All baselines with their default parameters, fitted on `train`, by their published name."""
    scorers: dict[str, Scorer] = {
        "popularity": Popularity(train),
        "sequential-rules": SequentialRules(train),
        "vmis-knn": VmisKnn(train),
    }
    return {name: ScoringRanker(scorer) for name, scorer in scorers.items()}
