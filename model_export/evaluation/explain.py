"""Why something is recommended: what each event of the session adds to a recommendation's score.

An event's effect is the score with all events minus the score without that one, both exact: a list's scores may be
those of a scheme that rounds. Effects do not add up to the score, for events work together. Knows the engine through
two questions only, `best_after` and `scores_after`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nextitem.model.engine import Model, RankedItem
from nextitem.model.manifest import MAX_TOP
from nextitem.sessions.session import WINDOW


@dataclass(frozen=True)
class Effect:
    """What one event does to one recommendation.

    Attributes:
        place: the event's place in the session, the oldest being 1.
        item: its item's index.
        effect: exact score with all events minus that without this one; above 0 it speaks for the recommendation.
        rank_without: the recommendation's rank without this event; None beyond `MAX_TOP`.
    """

    place: int
    item: int
    effect: float
    rank_without: int | None


@dataclass(frozen=True)
class Explanation:
    """A recommendation and what moved it.

    Attributes:
        item: its index.
        score: its score in the list that it was recommended by.
        effects: one for each event, the strongest first; none where the session has a single event, for without it
            there would be no session.
    """

    item: int
    score: float
    effects: tuple[Effect, ...]


def explain(model: Model, events: Sequence[int], limit: int, *, exclude_seen: bool = False) -> list[Explanation]:
    """Explain the best recommendations after some events.

    Args:
        model: the model version.
        events: item indices, oldest first, at least one; the newest `WINDOW` count, as when the model serves.
        limit: how many recommendations, 1 to `MAX_TOP`.
        exclude_seen: leave the session's own items out.
    """
    first = max(0, len(events) - WINDOW)
    counted = list(events[first:])
    exclude = counted if exclude_seen else []
    found = best_after(model, counted, exclude, limit)
    wanted = [one.index for one in found]
    exact = scores_after(model, counted, wanted)
    effects: dict[int, list[Effect]] = {index: [] for index in wanted}
    for at, item in enumerate(counted if len(counted) > 1 else []):
        others = counted[:at] + counted[at + 1 :]
        scores = scores_after(model, others, wanted)
        ranks = {one.index: rank for rank, one in enumerate(best_after(model, others, exclude, MAX_TOP), 1)}
        for one in found:
            without = Effect(first + at + 1, item, exact[one.index] - scores[one.index], ranks.get(one.index))
            effects[one.index].append(without)
    return [
        Explanation(one.index, one.score, tuple(sorted(effects[one.index], key=lambda effect: -abs(effect.effect))))
        for one in found
    ]


def best_after(model: Model, events: Sequence[int], exclude: Sequence[int], k: int) -> list[RankedItem]:
    """The best k items after some events, at least one, but for the excluded."""
    return model.top(model.replay(None, events), exclude, k, events)


def scores_after(model: Model, events: Sequence[int], items: Sequence[int]) -> dict[int, float]:
    """The exact score of each of some distinct items after some events, at least one."""
    ranked = model.rank(model.replay(None, events), items, (), len(items), events)
    return {one.index: one.score for one in ranked}
