"""The parts of an answer: replay and ranking, recorded for the telemetry, the events' outcomes, and what is saved."""

from collections.abc import Sequence
from typing import NamedTuple

from nextitem.service.ranking import Ranking, ReplayedSession, rank_as_wished, replay_items, replay_session
from nextitem.service.schema import (
    Answer,
    AppendedEvent,
    EventsRequest,
    ListOptions,
    Recommendation,
    ServedBy,
    ServedModel,
    cursor_after,
    shown_before,
)
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.parsed_options import ParsedOptions
from nextitem.sessions.codec import recommendation_id
from nextitem.sessions.session import IMPRESSION_SIZE, Impression, SessionKey, SessionRecord, Snapshot, Status
from nextitem.telemetry.record import RequestRecord


class SessionAnswer(NamedTuple):
    """The items of an answer, and what the session keeps of it.

    Attributes:
        served_by: what the answer is based on; of an interleaved answer, the less of both models.
        best: the items, best first.
        replayed: the number of events replayed after the session's snapshot.
        snapshot: the snapshot to save; None if there is none.
        teams: see `Impression.teams`.
    """

    served_by: ServedBy
    best: list[Recommendation]
    replayed: int
    snapshot: Snapshot | None
    teams: str = ""


def recorded_replay(
    routed: RoutedModel,
    events: SessionRecord | Sequence[str],
    record: RequestRecord,
    source: ServedBy = "stateless",
    types: Sequence[str] | None = None,
) -> ReplayedSession:
    """Replay a session, or item ids alone, whose source it then names, and record how long that took.

    `types` are those of the events that have the item ids; None for views.
    """
    with record.phase("replay"):
        if not isinstance(events, SessionRecord):
            return replay_items(routed, events, source, types)
        replay = replay_session(routed, events)
    record.set_replayed(replay.replayed)
    return replay


def recorded_ranking(
    routed: RoutedModel, replay: ReplayedSession, parsed: ParsedOptions, record: RequestRecord, *, at_least: int = 1
) -> Ranking:
    """Rank the catalogue and record the duration, `served_by` and the highest and the lowest score."""
    options = parsed.options
    record.placement = options.placement
    with record.phase("scoring"):
        ranking = rank_as_wished(routed, replay, parsed, max(options.limit, at_least))
    record.set_served_by(ranking.served_by, routed.version, routed.variant)
    if ranking.items and ranking.served_by != "popular":
        scores = [item.score for item in ranking.items]
        record.set_scores(max(scores), min(scores))
    return ranking


def appended_events(
    routed: RoutedModel, request: EventsRequest, statuses: Sequence[Status], record: RequestRecord
) -> list[AppendedEvent]:
    """Return the outcome of each event in the order of the body, and record the counts."""
    answered = dict(request.skipped)
    unknown = 0
    for place, event, status in zip(request.order, request.events, statuses, strict=True):
        is_unknown = status in {"applied", "late"} and routed.items.index(event.item_id) is None
        unknown += is_unknown
        answered[place] = AppendedEvent(event.event_id, event.item_id, "unknown_item" if is_unknown else status)
    record.count_events(statuses, unknown)
    return [answered[place] for place in sorted(answered)]


def impression_of(
    session: SessionRecord, answer: Answer, best: Sequence[Recommendation], placement: str | None, teams: str
) -> Impression:
    """Return what the session's log keeps of an answer: its id, its model, and its best items with their teams."""
    item_ids = tuple(item.item_id for item in best[:IMPRESSION_SIZE])
    chain, model = session.log[-1].chain, answer.model
    answered = answer.recommendation_id or "", model.version, model.variant
    return Impression(chain, *answered, item_ids, placement, teams[:IMPRESSION_SIZE])


def answer_id_of(key: SessionKey, session: SessionRecord, routed: RoutedModel, placement: str | None) -> str | None:
    """Return the `recommendation_id` of an answer; None for a session without events."""
    if not session.log:
        return None
    return recommendation_id(key.hash_key, session.log[-1].chain, routed.version, routed.variant, placement)


def next_page(options: ListOptions, listed: Sequence[Recommendation]) -> str | None:
    """Return the cursor of the page after an answer's items; None if there is none or it would be too deep."""
    if len(listed) < options.limit:
        return None
    before = [] if options.after is None else shown_before(options.after)
    return cursor_after([*before, *(item.item_id for item in listed)])


def served_model(routed: RoutedModel) -> ServedModel:
    """Return the model of an answer as clients see it."""
    return ServedModel(routed.version, routed.variant)
