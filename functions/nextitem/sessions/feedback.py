"""Compute feedback on earlier answers from a session's new events.

The label is the first new event of a request that is a next item, because no answer came between it and the impression.
An event of the item right before, but of another type, acts on that item and is no label; nor are late and repeated
events. Hit rate and reciprocal rank at 20 are those of Hidasi et al., "Session-based recommendations with recurrent
neural networks" (ICLR 2016).

A click follows the answer at once. A conversion may come later: the item is put in the cart after its view, and bought
after others. Its event names the answer by its id, a keyed hash of the log so far, so that only an answer that this
session was given counts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from nextitem.sessions.codec import placement_of, recommendation_id
from nextitem.sessions.session import Answerer, Event, Impression, LogEntry, SessionKey, SessionRecord, Status

CONVERSIONS = ("cart", "purchase", "like")
"""Types of events that are conversions."""


class Feedback(msgspec.Struct, frozen=True):
    """Feedback on answers of one answerer.

    Attributes:
        answerer: it.
        rank: the rank of the label's item among the recommended ones, 0 if it is none of them; None without a label.
        clicks: the number of new events that name the newest answer and whose item it recommended.
        conversions: the number of new conversions that name an answer, by type.
    """

    answerer: Answerer
    rank: int | None = None
    clicks: int = 0
    conversions: Mapping[str, int] = {}


def feedback_on(
    key: SessionKey,
    session: SessionRecord,
    impression: Impression | None,
    events: Sequence[Event],
    statuses: Sequence[Status],
    answering: Answerer,
) -> tuple[Feedback, ...]:
    """Return the feedback that a request's events give, one for each answerer.

    Args:
        key: the session's key.
        session: the session with the events.
        impression: its impression before the events.
        events: the request's events, in the order of their occurrence.
        statuses: the status of each event.
        answering: the version and variant that answer the session now; earlier answers of others are not recognised.
    """
    known = list(zip(events, statuses, strict=True))
    new = [event for event, status in known if status == "applied"]
    ranks = {} if impression is None else {name: rank for rank, name in enumerate(impression.item_ids, start=1)}
    shown_by = None if impression is None else Answerer(impression.version, impression.variant, impression.placement)
    clicks: Counter[Answerer] = Counter()
    conversions: dict[Answerer, Counter[str]] = {}
    for event, status in known:
        if event.recommendation_id is None or status not in {"applied", "late"}:
            continue
        is_newest = impression is not None and event.recommendation_id == impression.recommendation_id
        answerer = shown_by if is_newest else None
        if is_newest and shown_by is not None:
            clicks[shown_by] += status == "applied" and event.item_id in ranks
        elif event.type in CONVERSIONS:
            answerer = _answerer(key, session.log, event.recommendation_id, answering)
        if answerer is not None and event.type in CONVERSIONS and (not is_newest or event.item_id in ranks):
            conversions.setdefault(answerer, Counter())[event.type] += 1
    label = _label(session.log, new)
    rank = None if label is None else ranks.get(label.item_id, 0)
    judged = [] if shown_by is None or (rank is None and not clicks[shown_by]) else [shown_by]
    return tuple(
        Feedback(answerer, rank if answerer == shown_by else None, clicks[answerer], conversions.get(answerer, {}))
        for answerer in dict.fromkeys([*judged, *conversions])
    )


def _label(log: Sequence[LogEntry], new: Sequence[Event]) -> Event | None:
    """Return the first new event that is a next item; None if there is none."""
    before = log[-len(new) - 1] if len(log) > len(new) else None
    item_id, event_type = (None, None) if before is None else (before.item_id, before.type)
    for event in new:
        if event.item_id != item_id or event.type == event_type:
            return event
        event_type = event.type
    return None


def _answerer(key: SessionKey, log: Sequence[LogEntry], answer_id: str, answering: Answerer) -> Answerer | None:
    """Return who gave an answer to this session, or None if it was not given, or under another version of the model."""
    answerer = msgspec.structs.replace(answering, placement=placement_of(answer_id))
    parts = answerer.version, answerer.variant, answerer.placement
    is_given = any(recommendation_id(key.hash_key, entry.chain, *parts) == answer_id for entry in reversed(log))
    return answerer if is_given else None
