"""Turn a ranking into the list of an answer."""

from collections.abc import Sequence

from nextitem.service.ranking import Explanation, Ranking, ReplayedSession
from nextitem.service.schema import ListOptions, Recommendation, SteeredOptions
from nextitem.service.serving import RoutedModel


def recommendations(
    routed: RoutedModel, ranking: Ranking, options: ListOptions, replay: ReplayedSession | None = None
) -> list[Recommendation]:
    """Return ranked items as clients see them: by their ids, with rounded scores, and with what the options ask for.

    Args:
        routed: the model that answers.
        ranking: its answer.
        options: the options of the request.
        replay: what the answer is based on, to explain it; None if there is no session.
    """
    items = routed.items
    reasons: Sequence[Explanation] = [Explanation(ranking.placements.get(item.index)) for item in ranking.items]
    if replay is not None and isinstance(options, SteeredOptions) and options.explain:
        from nextitem.service.explanations import explain  # imported lazily: few requests ask for it

        reasons = explain(routed, replay, ranking)
    return [
        Recommendation(
            items.item_id(item.index),
            round(item.score, 6),
            reason,
            because,
            items.fields(item.index, options.fields) if options.fields else None,
        )
        for item, (reason, because) in zip(ranking.items, reasons, strict=True)
    ]
