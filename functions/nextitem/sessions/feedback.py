"""Compute feedback on the previous answer from a session's next event.

The label is the first new event of a request, because no answer came between it and the impression. Late and repeated
events are no labels. Hit rate and reciprocal rank at 20 are those of Hidasi et al., "Session-based recommendations with
recurrent neural networks" (ICLR 2016).
"""

from collections.abc import Sequence

import msgspec

from nextitem.sessions.session import Event, Impression, Status


class Feedback(msgspec.Struct, frozen=True):
    """Feedback on an answer.

    Attributes:
        version: the model version that gave the answer.
        variant: its variant on the route.
        hits: 1 if the next event's item was recommended, else 0.
        reciprocal_rank: 1 / the item's rank, 0.0 if it was not recommended.
        clicks: the number of new events that name the answer and whose item it recommended.
    """

    version: str
    variant: str
    hits: int
    reciprocal_rank: float
    clicks: int


def feedback_on(impression: Impression | None, events: Sequence[Event], statuses: Sequence[Status]) -> Feedback | None:
    """Return the feedback that a request's events give; None without an impression or a new event.

    Args:
        impression: the session's impression before the events.
        events: the request's events, in the order of their occurrence.
        statuses: the status of each event.
    """
    if impression is None:
        return None
    new = [event for event, status in zip(events, statuses, strict=True) if status == "applied"]
    if not new:
        return None
    ranks = {item_id: rank for rank, item_id in enumerate(impression.item_ids, start=1)}
    rank = ranks.get(new[0].item_id)
    clicks = sum(event.recommendation_id == impression.recommendation_id and event.item_id in ranks for event in new)
    return Feedback(
        version=impression.version,
        variant=impression.variant,
        hits=int(rank is not None),
        reciprocal_rank=1 / rank if rank else 0.0,
        clicks=clicks,
    )
