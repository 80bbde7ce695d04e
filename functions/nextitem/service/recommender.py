"""Answer requests. Read `Recommender.append_events` first: it is one request from top to bottom.

Whatever the session store does, there is an answer as long as there is a model.
"""

from collections.abc import Sequence

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.service.answer_parts import (
    answer_id_of,
    appended_events,
    impression_of,
    next_page,
    recorded_ranking,
    recorded_replay,
    served_model,
)
from nextitem.service.background_saves import BackgroundSaves
from nextitem.service.listing import recommendations
from nextitem.service.router import Router
from nextitem.service.schema import (
    Answer,
    EventsRequest,
    Health,
    ItemsRequest,
    ListOptions,
    RankingOptions,
    ServedBy,
    SessionRequest,
    SimilarRequest,
    TrendingRequest,
)
from nextitem.service.serving import RoutedModel
from nextitem.service.session_answer import answer_session
from nextitem.service.steering.parsed_options import ParsedOptions, needs_attributes, parse_options
from nextitem.service.trending import Trending, counts_of, parse_trending, rank_trending
from nextitem.sessions.feedback import feedback_on
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import EMPTY, IMPRESSION_SIZE, Answerer, Event, SessionKey, SessionStore, Status
from nextitem.sessions.trends import Trend
from nextitem.telemetry.record import RequestRecord

STORE_SHARE = 0.5
"""The share of a request's deadline that the store may use: the rest is for inference and the way back."""
CONNECT_SHARE = 0.4
"""The further share that it may use if it has to be connected first, as after idle time."""


class Recommender:
    """Answers requests. Threads may share it.

    Args:
        router: gives the model that answers a session.
        store: where sessions live.
        keys: makes a session's key in the store.
        deadline: seconds, for requests that name none.
        trending: how to count what trends; None: it is not counted.
    """

    def __init__(
        self, router: Router, store: SessionStore, keys: KeyRing, deadline: float, trending: Trending | None = None
    ) -> None:
        self._router, self._store, self._trending = router, store, trending
        self._keys, self._deadline = keys, deadline
        self._saves = BackgroundSaves()

    def append_events(self, request: EventsRequest, record: RequestRecord) -> Answer:
        """Add events to a session and recommend the items that its visitor most likely wants next.

        Raises:
            NoModel: no model is loaded.
            RequestError: the options do not fit the route's catalogue; no event is stored.
        """
        routed = self._model_for(request.session, request.options, record)
        options = parse_options(request.options, routed.items.catalogue)
        if not request.store:
            return self._answer_without_store(routed, request, options, record)
        deadline = self._store_deadline(request.options, record)
        self._saves.read_replies(deadline, record)
        answerer = Answerer(routed.version, routed.variant)
        try:
            with record.phase("store_read"):
                key = self._current_key(request.session, deadline)
                appended = self._store.append(
                    key, request.events, routed.snapshot_version, request.now, deadline, answerer
                )
        except StoreUnavailable as error:
            record.add_fault(error)
            return self._answer_without_store(routed, request, options, record)

        session = appended.session
        answered = answer_session(routed, session, options, record, at_least=IMPRESSION_SIZE)
        placement = request.options.placement
        best = answered.best
        listed = best[: request.options.limit]
        answer = Answer(
            session_id=request.session.session_id,
            recommendations=listed,
            next=next_page(request.options, listed),
            events=appended_events(routed, request, appended.statuses, record),
            session_length=session.length,
            stored=True,
            recommendation_id=answer_id_of(key, session, routed, placement),
            served_by=answered.served_by,
            model=served_model(routed),
        )
        record.feedback = feedback_on(key, session, appended.impression, request.events, appended.statuses, answerer)
        if answered.replayed:  # else the store has this snapshot and this impression already
            with record.phase("store_write"):
                snapshot = answered.snapshot
                impression = impression_of(session, answer, best, placement, answered.teams)
                version = routed.snapshot_version  # the writer keeps the call, which must not keep a model
                # A lost snapshot costs a replay: nothing waits for it.
                self._saves.send(lambda: self._store.save(key, version, snapshot, deadline, impression))
        if self._trending is not None:
            with record.phase("store_write"):
                trends, counts = self._trending.trends, counts_of(routed, self._trending, request, appended.statuses)
                if counts:  # lost ones are missing in the list of what trends, and nowhere else
                    self._saves.send(lambda: trends.count(counts, deadline))
        return answer

    def session_recommendations(self, request: SessionRequest, record: RequestRecord) -> Answer:
        """Answer for a session as it stands, adding nothing to it.

        Raises:
            NoModel: no model is loaded.
            RequestError: the options do not fit the route's catalogue.
        """
        routed = self._model_for(request.session, request.options, record)
        options = parse_options(request.options, routed.items.catalogue)
        deadline = self._store_deadline(request.options, record)
        self._saves.read_replies(deadline, record)
        session = answer_id = None
        try:
            with record.phase("store_read"):
                key = self._current_key(request.session, deadline)
                session = self._store.load(key, routed.snapshot_version, deadline)
            answer_id = answer_id_of(key, session, routed, request.options.placement)
        except StoreUnavailable as error:
            record.add_fault(error)
        if session is None or not session.log:
            routed = routed.alone
        answered = answer_session(routed, session or EMPTY, options, record)
        listed = answered.best[: request.options.limit]
        return Answer(
            session_id=request.session.session_id,
            recommendations=listed,
            next=next_page(request.options, listed),
            session_length=None if session is None else session.length,
            recommendation_id=answer_id,
            served_by=answered.served_by,
            model=served_model(routed),
        )

    def recommend(self, request: ItemsRequest, record: RequestRecord) -> Answer:
        """Answer from the request's own items; no session is read or written.

        Raises:
            NoModel: no model is loaded.
            RequestError: the options do not fit the route's catalogue.
        """
        return self._answer_for_items(request.item_ids, request.options, record, "stateless")

    def similar(self, request: SimilarRequest, record: RequestRecord) -> Answer:
        """Answer with the items that visitors of one item want next, without the item.

        Raises:
            NoModel: no model is loaded.
            RequestError: the options do not fit the route's catalogue.
        """
        return self._answer_for_items((request.item_id,), request.options, record, "similar")

    def trending(self, request: TrendingRequest, record: RequestRecord) -> Answer:
        """Answer with what many visitors look at now, or without the store with the most popular items.

        Raises:
            NoModel: no model is loaded.
            RequestError: the request names a category, and there are no counts by category; or the options do not fit
                the route's catalogue.
        """
        options = request.options
        routed = self._router.model_for(attributes=needs_attributes(options))
        parsed = parse_trending(options, self._trending, routed.items.catalogue)
        record.placement = options.placement
        trends: list[Trend] = []
        if self._trending is not None:
            deadline = self._store_deadline(options, record)
            self._saves.read_replies(deadline, record)
            try:
                with record.phase("store_read"):
                    trends = self._trending.trends.top(options.category, request.now, deadline)
            except StoreUnavailable as error:
                record.add_fault(error)
        with record.phase("scoring"):
            ranking = rank_trending(routed, trends, parsed)
        record.set_served_by(ranking.served_by, routed.version, routed.variant)
        listed = recommendations(routed, ranking, options)
        return Answer(
            recommendations=listed,
            next=next_page(options, listed),
            served_by=ranking.served_by,
            model=served_model(routed),
        )

    def delete_session(self, session: SessionName, record: RequestRecord) -> None:
        """Forget a session; done when this returns.

        Raises:
            StoreUnavailable: the store did not answer, or the key secret in use is not known. The session may still
                be there.
        """
        deadline = Deadline.after(_left(self._deadline, record))
        self._saves.read_replies(deadline, record)
        with record.phase("store_write"):
            keys = self._keys.keys_to_delete(session, deadline)
            self._store.delete(keys.current, deadline, keys.previous)

    def health(self) -> Health:
        """Return which model serves and whether the store answers.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for()
        try:
            self._store.ping(Deadline.after(self._deadline))
        except StoreUnavailable:
            return Health("ok", served_model(routed), "unavailable")
        return Health("ok", served_model(routed), "ok")

    def wait_until_sent(self, deadline: Deadline) -> None:
        """Wait until the saves of earlier requests are sent to the store, or until the deadline."""
        self._saves.wait(deadline)

    def finish(self, deadline: Deadline) -> None:
        """Wait until the store has replied to all saves, or until the deadline. No request may be under way."""
        self._saves.finish(deadline)

    def _answer_for_items(
        self, item_ids: Sequence[str], wanted: RankingOptions, record: RequestRecord, source: ServedBy
    ) -> Answer:
        """Answer from items as if they were a whole session; see `recommend` for the errors."""
        routed = self._router.model_for(attributes=needs_attributes(wanted))
        options = parse_options(wanted, routed.items.catalogue)
        replay = recorded_replay(routed, item_ids, record, source)
        ranking = recorded_ranking(routed, replay, options, record)
        listed = recommendations(routed, ranking, wanted, replay)
        return Answer(
            recommendations=listed,
            next=next_page(wanted, listed),
            served_by=ranking.served_by,
            model=served_model(routed),
        )

    def _answer_without_store(
        self, routed: RoutedModel, request: EventsRequest, options: ParsedOptions, record: RequestRecord
    ) -> Answer:
        """Answer from the request's own events, by the champion alone: no log would credit the challenger."""
        routed = routed.alone
        distinct: dict[str, Event] = {}
        statuses: list[Status] = []
        for event in request.events:
            statuses.append("duplicate" if event.event_id in distinct else "applied")
            distinct.setdefault(event.event_id, event)
        items, types = [event.item_id for event in distinct.values()], [event.type for event in distinct.values()]
        replay = recorded_replay(routed, items, record, types=types)
        ranking = recorded_ranking(routed, replay, options, record)
        listed = recommendations(routed, ranking, request.options, replay)
        return Answer(
            session_id=request.session.session_id,
            recommendations=listed,
            next=next_page(request.options, listed),
            events=appended_events(routed, request, statuses, record),
            session_length=len(distinct),
            stored=False,
            served_by=ranking.served_by,
            model=served_model(routed),
        )

    def _model_for(self, session: SessionName, options: RankingOptions, record: RequestRecord) -> RoutedModel:
        def draw(salt: str) -> float:
            return self._keys.draw(salt, session, self._store_deadline(options, record))

        return self._router.model_for(draw, attributes=needs_attributes(options))

    def _current_key(self, session: SessionName, deadline: Deadline) -> SessionKey:
        """Return a session's key. A session under the previous key secret is moved to this key first."""
        keys = self._keys.keys(session, deadline)
        if keys.previous is not None:
            self._store.move(keys.previous, keys.current, deadline)
        return keys.current

    def _store_deadline(self, options: ListOptions, record: RequestRecord) -> Deadline:
        left = _left(self._deadline if options.deadline_ms is None else options.deadline_ms / 1000, record)
        return Deadline.after(left * STORE_SHARE, reserve=left * CONNECT_SHARE)


def _left(deadline: float, record: RequestRecord) -> float:
    return max(0.0, deadline - record.queued / 1000)
