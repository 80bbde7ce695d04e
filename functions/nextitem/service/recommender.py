"""Answer requests. Read `Recommender.append_events` first: it is one request from top to bottom.

Whatever the session store does, there is an answer as long as there is a model.
"""

import hashlib
from collections import deque
from collections.abc import Sequence

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.service.ranking import Ranking, ReplayedSession, rank, recommendations, replay_items, replay_session
from nextitem.service.router import RoutedModel, Router
from nextitem.service.schema import (
    Answer,
    AppendedEvent,
    EventsRequest,
    Health,
    ItemsRequest,
    RankingOptions,
    Recommendation,
    ServedModel,
    SessionRequest,
)
from nextitem.sessions.background_writer import BackgroundWriter
from nextitem.sessions.codec import recommendation_id
from nextitem.sessions.feedback import feedback_on
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import (
    IMPRESSION_SIZE,
    Impression,
    PendingSave,
    SessionKey,
    SessionRecord,
    SessionStore,
    Snapshot,
    Status,
)
from nextitem.telemetry.record import RequestRecord

STORE_SHARE = 0.5
"""The share of a request's deadline that the store may use: the rest is for inference and the way back."""
CONNECT_SHARE = 0.4
"""The further share that it may use if it has to be connected first, as after idle time."""

MAX_PENDING_SAVES = 4
"""Maximum number of saves that wait for the store's reply. Beyond it the oldest is given up, with its connection."""


class Recommender:
    """Answers requests, one at a time.

    Args:
        router: gives the model that answers a session.
        store: where sessions live.
        keys: makes a session's key in the store.
        deadline: seconds, for requests that name none.
    """

    def __init__(self, router: Router, store: SessionStore, keys: KeyRing, deadline: float) -> None:
        self._router, self._store = router, store
        self._keys, self._deadline = keys, deadline
        self._pending_saves: deque[PendingSave] = deque()
        self._writer = BackgroundWriter()

    def append_events(self, request: EventsRequest, record: RequestRecord) -> Answer:
        """Add events to a session and recommend the items that its visitor most likely wants next.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._model_for(request.session, request.options)
        if not request.store:
            return self._answer_without_store(routed, request, record)
        deadline = self._store_deadline(request.options)
        self._read_save_replies(deadline, record)
        try:
            with record.phase("store_read"):
                key = self._current_key(request.session, deadline)
                appended = self._store.append(key, request.events, routed.version, request.now, deadline)
        except StoreUnavailable as error:
            record.add_fault(error)
            return self._answer_without_store(routed, request, record)

        session = appended.session
        replay = _replay(routed, session, record)
        ranking = _rank(routed, replay, request.options, record, at_least=IMPRESSION_SIZE)
        best = recommendations(routed.model, ranking.items)
        answer = Answer(
            session_id=request.session.session_id,
            recommendations=best[: request.options.limit],
            events=_appended_events(routed, request, appended.statuses, record),
            session_length=session.length,
            stored=True,
            recommendation_id=_recommendation_id(key, session, routed),
            served_by=ranking.served_by,
            model=_served_model(routed),
        )
        record.feedback = feedback_on(appended.impression, request.events, appended.statuses)
        if replay.replayed:  # else the store has this snapshot and this impression already
            with record.phase("store_write"):
                snapshot, impression = _snapshot(session, replay), _impression(session, answer, best)
                version = routed.version  # the writer keeps the call, which must not keep a model
                save = self._writer.send(lambda: self._store.save(key, version, snapshot, deadline, impression))
                self._pending_saves.append(save)  # a lost snapshot costs a replay: nothing waits for it
        return answer

    def session_recommendations(self, request: SessionRequest, record: RequestRecord) -> Answer:
        """Answer for a session as it stands, adding nothing to it.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._model_for(request.session, request.options)
        deadline = self._store_deadline(request.options)
        self._read_save_replies(deadline, record)
        session = answer_id = None
        try:
            with record.phase("store_read"):
                key = self._current_key(request.session, deadline)
                session = self._store.load(key, routed.version, deadline)
            answer_id = _recommendation_id(key, session, routed)
        except StoreUnavailable as error:
            record.add_fault(error)
        replay = _replay(routed, session if session is not None else (), record)
        ranking = _rank(routed, replay, request.options, record)
        return Answer(
            session_id=request.session.session_id,
            recommendations=recommendations(routed.model, ranking.items),
            session_length=None if session is None else session.length,
            recommendation_id=answer_id,
            served_by=ranking.served_by,
            model=_served_model(routed),
        )

    def recommend(self, request: ItemsRequest, record: RequestRecord) -> Answer:
        """Answer from the request's own items; no session is read or written.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for(_digits(request.item_ids))
        ranking = _rank(routed, _replay(routed, request.item_ids, record), request.options, record)
        return Answer(
            recommendations=recommendations(routed.model, ranking.items),
            served_by=ranking.served_by,
            model=_served_model(routed),
        )

    def delete_session(self, session: SessionName, record: RequestRecord) -> None:
        """Forget a session; done when this returns.

        Raises:
            StoreUnavailable: the store did not answer, or the key secret in use is not known. The session may still
                be there.
        """
        deadline = Deadline.after(self._deadline)
        self._read_save_replies(deadline, record)
        with record.phase("store_write"):
            keys = self._keys.keys_to_delete(session, deadline)
            self._store.delete(keys.current, deadline, keys.previous)

    def health(self) -> Health:
        """Return which model serves and whether the store answers.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for(_digits(()))
        try:
            self._store.ping(Deadline.after(self._deadline))
        except StoreUnavailable:
            return Health("ok", _served_model(routed), "unavailable")
        return Health("ok", _served_model(routed), "ok")

    def wait_until_sent(self, deadline: Deadline) -> None:
        """Wait until the saves of earlier requests are sent to the store, or until the deadline."""
        self._writer.wait(deadline)

    def _answer_without_store(self, routed: RoutedModel, request: EventsRequest, record: RequestRecord) -> Answer:
        """Answer from the request's own events."""
        distinct: dict[str, str] = {}
        statuses: list[Status] = []
        for event in request.events:
            statuses.append("duplicate" if event.event_id in distinct else "applied")
            distinct.setdefault(event.event_id, event.item_id)
        ranking = _rank(routed, _replay(routed, list(distinct.values()), record), request.options, record)
        return Answer(
            session_id=request.session.session_id,
            recommendations=recommendations(routed.model, ranking.items),
            events=_appended_events(routed, request, statuses, record),
            session_length=len(distinct),
            stored=False,
            served_by=ranking.served_by,
            model=_served_model(routed),
        )

    def _model_for(self, session: SessionName, options: RankingOptions) -> RoutedModel:
        return self._router.model_for(self._keys.variant_digits(session, self._store_deadline(options)))

    def _current_key(self, session: SessionName, deadline: Deadline) -> SessionKey:
        """Return a session's key. A session under the previous key secret is moved to this key first."""
        keys = self._keys.keys(session, deadline)
        if keys.previous is not None:
            self._store.move(keys.previous, keys.current, deadline)
        return keys.current

    def _read_save_replies(self, deadline: Deadline, record: RequestRecord) -> None:
        """Read the store's replies to earlier saves, as far as they have arrived; faults are only recorded."""
        self._writer.wait(deadline)
        for _ in range(len(self._pending_saves)):
            save = self._pending_saves.popleft()
            too_many = len(self._pending_saves) >= MAX_PENDING_SAVES
            if not save.done() and not too_many:
                self._pending_saves.append(save)
                continue
            try:
                with record.phase("store_write"):
                    save.result(Deadline.after(0) if too_many else deadline)
            except StoreUnavailable as error:
                record.add_fault(error)

    def _store_deadline(self, options: RankingOptions) -> Deadline:
        whole = self._deadline if options.deadline_ms is None else options.deadline_ms / 1000
        return Deadline.after(whole * STORE_SHARE, reserve=whole * CONNECT_SHARE)


def _replay(routed: RoutedModel, events: SessionRecord | Sequence[str], record: RequestRecord) -> ReplayedSession:
    """Replay a session, or item ids alone, and record how long that took."""
    with record.phase("replay"):
        if not isinstance(events, SessionRecord):
            return replay_items(routed.model, events)
        replay = replay_session(routed.model, events)
    record.set_replayed(replay.replayed)
    return replay


def _rank(
    routed: RoutedModel, replay: ReplayedSession, options: RankingOptions, record: RequestRecord, *, at_least: int = 1
) -> Ranking:
    """Rank the catalogue and record the duration, `served_by` and the scores."""
    with record.phase("scoring"):
        exclude_seen = routed.exclude_seen if options.exclude_seen is None else options.exclude_seen
        ranking = rank(routed.model, replay, options, max(options.limit, at_least), exclude_seen=exclude_seen)
    record.set_served_by(ranking.served_by, routed.version, routed.variant)
    if ranking.items and ranking.served_by != "popular":
        record.set_scores(ranking.items[0].score, ranking.items[-1].score)
    return ranking


def _appended_events(
    routed: RoutedModel, request: EventsRequest, statuses: Sequence[Status], record: RequestRecord
) -> list[AppendedEvent]:
    """Return the outcome of each event in the order of the body, and record the counts."""
    vocabulary = routed.model.vocabulary
    answered = dict(request.skipped)
    unknown = 0
    for place, event, status in zip(request.order, request.events, statuses, strict=True):
        is_unknown = status in {"applied", "late"} and vocabulary.index(event.item_id) is None
        unknown += is_unknown
        answered[place] = AppendedEvent(event.event_id, event.item_id, "unknown_item" if is_unknown else status)
    record.count_events(statuses, unknown)
    return [answered[place] for place in sorted(answered)]


def _snapshot(session: SessionRecord, replay: ReplayedSession) -> Snapshot | None:
    return None if replay.hidden is None else Snapshot(session.log[-1].chain, replay.hidden)


def _impression(session: SessionRecord, answer: Answer, best: Sequence[Recommendation]) -> Impression:
    item_ids = tuple(item.item_id for item in best[:IMPRESSION_SIZE])
    chain, model = session.log[-1].chain, answer.model
    return Impression(chain, answer.recommendation_id or "", model.version, model.variant, item_ids)


def _recommendation_id(key: SessionKey, session: SessionRecord, routed: RoutedModel) -> str | None:
    if not session.log:
        return None
    return recommendation_id(key.hash_key, session.log[-1].chain, routed.version, routed.variant)


def _digits(item_ids: Sequence[str]) -> str:
    """Return hex digits that choose the variant of a request without a session."""
    return hashlib.blake2b("\n".join(item_ids).encode(), digest_size=16).hexdigest()


def _served_model(routed: RoutedModel) -> ServedModel:
    return ServedModel(routed.version, routed.variant)
