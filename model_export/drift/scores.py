"""The scores of first recommendations: sessions of the lake replayed through the version that answers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from model_export.data.sessions import Sessions
from model_export.drift.divergence import Floats
from model_export.metrics.bootstrap import SEED
from nextitem.aws.object_store import ObjectReader
from nextitem.model.engine import Model
from nextitem.registry.reader import Registry
from nextitem.sessions.session import WINDOW

MAX_SCORED = 2_000
"""Sessions that are replayed; of more, a sample."""
Scorer = Callable[[str, Sessions], Floats]
"""Returns the scores of a version's first recommendations to some sessions."""


def scorer(bucket: ObjectReader, folder: Path) -> Scorer:
    """Return what fetches a version and scores sessions with it.

    Args:
        bucket: the registry's bucket.
        folder: for the version's files.
    """
    return lambda version, sessions: top_scores(Model(Registry(bucket, folder).fetch(version)), sessions)


def top_scores(model: Model, sessions: Sessions) -> Floats:
    """Return the first recommendation's score after each session's last event, as an export measures it.

    Args:
        model: the version.
        sessions: over any catalogue; events of items that the model does not know change nothing.

    Returns:
        float64[n], of the sessions with a known item, of many a sample.
    """
    chosen = np.arange(len(sessions))
    if len(chosen) > MAX_SCORED:
        chosen = np.sort(np.random.default_rng(SEED).choice(chosen, MAX_SCORED, replace=False))
    index = [model.vocabulary.index(item) for item in sessions.catalogue]
    types = model.type_codes(sessions.types)
    scores = []
    for number in chosen.tolist():
        events = range(sessions.offsets[number], sessions.offsets[number + 1])
        known = [(index[sessions.codes[at]], types[sessions.type_codes[at]]) for at in events]
        items = [item for item, _ in known if item is not None]
        if not items:
            continue
        kinds = [kind for item, kind in known if item is not None]
        hidden = model.replay(None, items, types=kinds)
        scores.append(model.top(hidden, (), 1, items[-WINDOW:])[0].score)
    return np.array(scores, np.float64)
