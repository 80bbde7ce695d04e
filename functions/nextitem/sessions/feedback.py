"""How good the last answer was, told by what the visitor did next: the next event is the answer's label.

Of a request's new events the first is the label, for no answer stood between it and the impression; those that come
late or again are none. Hit rate and reciprocal rank at 20 are those of Hidasi et al., "Session-based recommendations
with recurrent neural networks" (ICLR 2016). Knows no store and no log.
"""

from collections.abc import Sequence

import msgspec

from nextitem.sessions.session import Event, Impression, Status


class Feedback(msgspec.Struct, frozen=True):
    """What the events of a request say of the answer before them.

    Attributes:
        version: the model version that gave the answer.
        variant: the variant that it was.
        hits: 1 if the next event's item was among the recommended ones, else 0.
        reciprocal_rank: 1 / its place there, 0.0 if it was not.
        clicks: new events that name the answer and whose item it recommended.
    """

    version: str
    variant: str
    hits: int
    reciprocal_rank: float
    clicks: int


def feedback_on(impression: Impression | None, events: Sequence[Event], statuses: Sequence[Status]) -> Feedback | None:
    """Hold a request's events against what the session was recommended before; None where there is nothing to hold.

    Args:
        impression: the session's, as it was before the events.
        events: the request's, in order of occurrence.
        statuses: what became of each.
    """
    if impression is None:
        return None
    new = [event for event, status in zip(events, statuses, strict=True) if status == "applied"]
    if not new:
        return None
    shown = {item_id: place for place, item_id in enumerate(impression.item_ids, start=1)}
    place = shown.get(new[0].item_id)
    clicks = sum(event.recommendation_id == impression.recommendation_id and event.item_id in shown for event in new)
    return Feedback(
        version=impression.version,
        variant=impression.variant,
        hits=int(place is not None),
        reciprocal_rank=1 / place if place else 0.0,
        clicks=clicks,
    )
