"""Explain a recommendation by the effect of each event of the session on its score.

The effect is the score with all events minus the score without that event. Both are exact scores, because a scoring
scheme may round those of a list. Effects do not add up to the score: events interact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nextitem.model.engine import Model, RankedItem
from nextitem.model.manifest import MAX_TOP
from nextitem.sessions.session import WINDOW


@dataclass(frozen=True)
class Effect:
    """The effect of one event on one recommendation.

    Attributes:
        place: the event's place in the session, 1 for the oldest.
        item: the index of its item.
        effect: exact score with all events minus that without this one; above 0 it supports the recommendation.
        rank_without: the recommendation's rank without this event; None beyond `MAX_TOP`.
    """

    place: int
    item: int
    effect: float
    rank_without: int | None


@dataclass(frozen=True)
class Explanation:
    """A recommendation and the effects on it.

    Attributes:
        item: the index of the recommended item.
        score: its score in the list.
        effects: one per event, the strongest first; empty for a session of a single event, because nothing is left
            without it.
    """

    item: int
    score: float
    effects: tuple[Effect, ...]


def explain(
    model: Model, events: Sequence[int], limit: int, *, exclude_seen: bool = False, types: Sequence[int] | None = None
) -> list[Explanation]:
    """Explain the best recommendations after some events.

    Args:
        model: the model version.
        events: item indices, oldest first, at least one; the newest `WINDOW` count, as in the service.
        limit: number of recommendations, 1 to `MAX_TOP`.
        exclude_seen: leave out the session's own items.
        types: the type of each event, from `Model.type_codes`; None if all are views.
    """
    first = max(0, len(events) - WINDOW)
    window = list(zip(events, types or [0] * len(events), strict=True))[first:]
    exclude = [item for item, _ in window] if exclude_seen else []
    recommended = best_after(model, window, exclude, limit)
    items = [ranked.index for ranked in recommended]
    exact = scores_after(model, window, items)
    effects: dict[int, list[Effect]] = {item: [] for item in items}
    for at, (event, _) in enumerate(window if len(window) > 1 else []):
        others = window[:at] + window[at + 1 :]
        scores = scores_after(model, others, items)
        ranks = {ranked.index: rank for rank, ranked in enumerate(best_after(model, others, exclude, MAX_TOP), 1)}
        for item in items:
            effects[item].append(Effect(first + at + 1, event, exact[item] - scores[item], ranks.get(item)))
    return [
        Explanation(
            ranked.index,
            ranked.score,
            tuple(sorted(effects[ranked.index], key=lambda effect: -abs(effect.effect))),
        )
        for ranked in recommended
    ]


Events = Sequence[tuple[int, int]]
"""Item index and type code of each event, at least one."""


def best_after(model: Model, events: Events, exclude: Sequence[int], k: int) -> list[RankedItem]:
    """Return the best k items after some events, without the excluded items."""
    items, types = zip(*events, strict=True)
    return model.top(model.replay(None, items, types=types), exclude, k, items)


def scores_after(model: Model, events: Events, among: Sequence[int]) -> dict[int, float]:
    """Return the exact score of each of some distinct items after some events."""
    items, types = zip(*events, strict=True)
    ranked = model.rank(model.replay(None, items, types=types), among, (), len(among), items)
    return {item.index: item.score for item in ranked}
