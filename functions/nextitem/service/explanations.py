"""Say why items are in an answer, by leaving items of the session out and scoring the answer again."""

from collections.abc import Sequence
from math import log

from nextitem.service.ranking import Explanation, Ranking, ReplayedSession, known_events
from nextitem.service.schema import Reason
from nextitem.service.serving import RoutedModel

MAX_LEFT_OUT = 8
"""The newest distinct items of a session that are left out, one at a time: each costs a replay and a short ranking."""
Event = tuple[int, int]
"""Index and type of an event, as the engine takes them."""
MEMORY_GAIN = log(2)
"""An item is recommended from the session memory if that at least doubles its probability."""


def explain(routed: RoutedModel, replay: ReplayedSession, ranking: Ranking) -> list[Explanation]:
    """Return an explanation of each item of an answer.

    The item of the session that moved an item most is the one without which its score falls most. There is none if no
    score falls, or if the answer is not based on the session.

    Args:
        routed: the model that answered.
        replay: the session that the answer is based on.
        ranking: the answer.
    """
    session = list(zip(*known_events(routed, zip(replay.item_ids, replay.types, strict=True)), strict=True))
    if ranking.served_by == "popular" or not session:
        return [Explanation(ranking.placements.get(item.index, "popular")) for item in ranking.items]
    answered = [item.index for item in ranking.items]
    scores = _scores(routed, session, answered)
    falls: list[tuple[int, dict[int, float]]] = []
    newest = list(dict.fromkeys(index for index, _ in reversed(session)))[:MAX_LEFT_OUT]
    for left_out in newest:
        rest = [event for event in session if event[0] != left_out]
        without = _scores(routed, rest, answered)
        falls.append((left_out, {index: scores[index] - without[index] for index in answered}))
    from_memory = _from_memory(routed, session, answered, scores)
    own: Reason = "similar" if ranking.served_by == "similar" else "session"
    explanations = []
    for item in ranking.items:
        # Of equal falls the newest item is named, which comes first.
        because, fall = max(((index, fall[item.index]) for index, fall in falls), key=lambda pair: pair[1])
        reason = ranking.placements.get(item.index) or ("memory" if item.index in from_memory else own)
        explanations.append(Explanation(reason, routed.items.item_id(because) if fall > 0 else None))
    return explanations


def _scores(
    routed: RoutedModel, session: Sequence[Event], answered: Sequence[int], *, with_memory: bool = True
) -> dict[int, float]:
    """Return the score of each item of an answer after a session, whether it is available or not."""
    model, new_rows = routed.model, routed.items.new_rows
    items = [index for index, _ in session]
    hidden = model.replay(None, items, new_rows, [code for _, code in session])
    remembered = items if model.has_memory and with_memory else ()
    ranked = model.rank(hidden, answered, (), len(answered), remembered, new_rows=new_rows)
    return {item.index: item.score for item in ranked}


def _from_memory(
    routed: RoutedModel, session: Sequence[Event], answered: Sequence[int], scores: dict[int, float]
) -> set[int]:
    if not routed.model.has_memory:
        return set()
    network = _scores(routed, session, answered, with_memory=False)
    return {index for index in answered if scores[index] - network[index] >= MEMORY_GAIN}
