"""From a session, or from bare items, to an answer: restore the hidden state, rank the catalogue, name the items.

Knows no store and no bucket: it is given the model that answers, and the session as it is.
"""

from collections.abc import Callable, Iterable, Sequence

from nextitem.hidden_state import HiddenState
from nextitem.model.engine import RankedItem
from nextitem.service.router import Routed
from nextitem.service.schema import (
    Answer,
    AppendedEvent,
    EventsRequest,
    EventStatus,
    Recommendation,
    ServedBy,
    ServedModel,
    Wanted,
)
from nextitem.sessions.session import SessionRecord, Status
from nextitem.telemetry import metrics
from nextitem.telemetry.record import RequestRecord


def restored(routed: Routed, session: SessionRecord, record: RequestRecord) -> tuple[HiddenState | None, int]:
    """Return the session's hidden state (None: no known item yet), and of how many events its snapshot knew not."""
    with record.phase("replay"):
        start, pending = session.replay_from()
        known = routed.model.vocabulary.indices(entry.item_id for entry in pending)
        hidden = None if start is None and not known else routed.model.replay(start, known)
    record.restored(len(pending))
    return hidden, len(pending)


def from_items(
    routed: Routed, items: Sequence[str], wanted: Wanted, record: RequestRecord
) -> tuple[ServedBy, list[RankedItem]]:
    """Rank the catalogue for items alone, oldest first, as if they were a whole session."""
    with record.phase("replay"):
        known = routed.model.vocabulary.indices(items)
        hidden = routed.model.replay(None, known) if known else None
    return rank(routed, "stateless", hidden, items, wanted, record)


def rank(
    routed: Routed,
    source: ServedBy,
    hidden: HiddenState | None,
    seen: Sequence[str],
    wanted: Wanted,
    record: RequestRecord,
    *,
    least: int = 1,
) -> tuple[ServedBy, list[RankedItem]]:
    """Rank the catalogue, and say what that rests on.

    Args:
        routed: the model that answers.
        source: what the hidden state is made of.
        hidden: the hidden state, or None for no known item, which leaves the best sellers.
        seen: ids of the items that the visitor looked at, oldest first.
        wanted: how many, and which not.
        record: what is measured of the request.
        least: how many to rank even where fewer are wanted.
    """
    with record.phase("scoring"):
        k = max(wanted.limit, least)
        barred = (*wanted.exclude, *seen) if wanted.exclude_seen else wanted.exclude
        exclude = routed.model.vocabulary.indices(barred)
        only = None if wanted.only is None else routed.model.vocabulary.indices(wanted.only)
        if hidden is None:
            return "popular", routed.model.popular(exclude, k, only)
        session = routed.model.vocabulary.indices(seen) if routed.model.has_memory else ()
        if only is None:
            ranked = routed.model.top(hidden, exclude, k, session)
        else:
            ranked = routed.model.rank(hidden, only, exclude, k, session)
    if ranked:
        record.measured(metrics.TOP_SCORE, ranked[0].score)
        record.measured(metrics.SCORE_SPREAD, ranked[0].score - ranked[-1].score)
    return source, ranked


def answer_of(
    routed: Routed,
    served_by: ServedBy,
    ranked: list[RankedItem],
    record: RequestRecord,
    *,
    session_id: str | None = None,
    events: list[AppendedEvent] | None = None,
    session_length: int | None = None,
    stored: bool | None = None,
    recommendation_id: str | None = None,
) -> Answer:
    """Return what the client gets: items by their ids, and what else is known."""
    record.served(served_by, routed.model.version, routed.variant)
    item_id: Callable[[int], str] = routed.model.vocabulary.item_id
    return Answer(
        session_id=session_id,
        recommendations=[Recommendation(item_id(one.index), round(one.score, 6)) for one in ranked],
        events=events,
        session_length=session_length,
        stored=stored,
        recommendation_id=recommendation_id,
        served_by=served_by,
        model=served(routed),
    )


def item_ids(routed: Routed, ranked: Iterable[RankedItem]) -> list[str]:
    """Return the ids of ranked items."""
    return [routed.model.vocabulary.item_id(one.index) for one in ranked]


def in_client_order(
    request: EventsRequest, statuses: Sequence[Status], routed: Routed, record: RequestRecord
) -> list[AppendedEvent]:
    """Return what became of each event, in the order of the body."""
    answered: list[AppendedEvent | None] = [None] * len(statuses)
    for place, event, status in zip(request.order, request.events, statuses, strict=True):
        unknown = status != "duplicate" and routed.model.vocabulary.index(event.item_id) is None
        shown: EventStatus = "unknown_item" if unknown else status
        answered[place] = AppendedEvent(event.event_id, event.item_id, shown)
    found = [one for one in answered if one is not None]
    for metric, count in (
        (metrics.UNKNOWN, sum(one.status == "unknown_item" for one in found)),
        (metrics.DUPLICATES, sum(one.status == "duplicate" for one in found)),
        (metrics.LATE, sum(status == "late" for status in statuses)),
    ):
        if count:  # most requests have none, and each name in a record is paid for by its bytes
            record.measured(metric, count)
    return found


def served(routed: Routed) -> ServedModel:
    """Return the model that answers, as clients see it."""
    return ServedModel(routed.model.version, routed.variant)
