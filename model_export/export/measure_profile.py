"""Measure what an artifact's training profile says about its answers, on the held-out sessions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_export.data.session_events import SessionEvents
from model_export.export.graph_runner import GraphRunner
from model_export.metrics.ranking import CUTOFF
from model_export.profile.categories import categories_of
from model_export.profile.document import QUANTILES, Profile, Validation, profile_of
from model_export.profile.habits import Habits
from model_export.training.run_folder import Run
from nextitem.catalogue.file import Catalogue
from nextitem.event_types import VIEW


@dataclass(frozen=True)
class _Answers:
    """Targets, hits among all items, hits among those that the session does not have, and first scores."""

    targets: int
    hits: int
    new_hits: int
    scores: tuple[float, ...]


def training_profile(
    run: Run, habits: Habits, graphs: GraphRunner, sessions: Sequence[SessionEvents], items: Catalogue | None
) -> Profile:
    """Return the profile of an artifact.

    The hit rate is that of the validation, before the network was trained on the validation days. How much of it is
    left in answers without seen items is measured on the exported graphs, as a ratio of their own hit rates.

    Args:
        run: the training run.
        habits: of its training events.
        graphs: the artifact's graphs.
        sessions: held-out sessions, of item codes.
        items: the attributes of items, if there are any.
    """
    record, answers = run.record, _answers(graphs, sessions, run.record.items)
    hit_rate = record.validation["hr@20"]
    validation = Validation(
        targets=answers.targets,
        hit_rate=round(hit_rate, 6),
        hit_rate_new=round(hit_rate * answers.new_hits / max(answers.hits, 1), 6),
        unknown=round(float(habits.unknown), 6),
        scores=answers.scores,
    )
    categories = None if items is None else categories_of(items, run.item_ids, habits.items)
    return profile_of(habits, run.item_ids, record.types or (VIEW,), validation, categories)


def _answers(graphs: GraphRunner, sessions: Sequence[SessionEvents], catalogue: int) -> _Answers:
    targets = hits = new_hits = 0
    first_scores: list[float] = []
    for session in sessions:
        *states, last = graphs.states(session)
        for at in np.flatnonzero(session.is_next_item).tolist():
            seen, target = session.items[: at + 1], int(session.items[at + 1])
            ordered = graphs.top(states[at], min(CUTOFF + at + 1, catalogue), seen).tolist()
            own = set(seen.tolist())
            targets += 1
            hits += target in ordered[:CUTOFF]
            new_hits += target in [item for item in ordered if item not in own][:CUTOFF]
        first_scores.append(float(graphs.ranked(last, 1, session.items)[0][0]))
    quantiles = np.quantile(first_scores, np.linspace(0, 1, QUANTILES + 1)) if first_scores else np.empty(0)
    return _Answers(targets, hits, new_hits, tuple(round(float(value), 5) for value in quantiles))
