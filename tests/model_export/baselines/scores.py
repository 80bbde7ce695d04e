"""Scores of a baseline by item name, for comparison with scores computed by hand."""

import numpy as np

from model_export.baselines.scoring import Scorer
from model_export.data.sessions import Sessions


def scores_by_item(scorer: Scorer, train: Sessions, prefix: list[str]) -> dict[str, float]:
    """The scores above 0 after a prefix, rounded to 9 digits."""
    scores = scorer.score(np.array([train.catalogue.index(item) for item in prefix], dtype=np.int32))
    assert len(np.unique(scores.codes)) == len(scores.codes) == len(scores.scores)
    by_item = zip(scores.codes.tolist(), scores.scores.tolist(), strict=True)
    return {train.catalogue[code]: round(score, 9) for code, score in by_item if score}
