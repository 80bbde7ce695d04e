"""The use case. `Recommender.append_events` is the story of one request, top to bottom.

Knows no HTTP, no Lambda and no Redis; whatever the store does, there is an answer while there is a model.
"""

from collections.abc import Callable, Iterable, Sequence

from nextitem.api import (
    Answer,
    AppendedEvent,
    EventsRequest,
    EventStatus,
    Health,
    ItemsRequest,
    Recommendation,
    ServedBy,
    ServedModel,
    SessionRequest,
    Wanted,
)
from nextitem.codec import rounded
from nextitem.deadline import Deadline
from nextitem.engine import Ranked
from nextitem.errors import StoreUnavailable
from nextitem.routing import Routed, Router
from nextitem.session import (
    EMPTY,
    Hidden,
    Saving,
    SessionRecord,
    SessionStore,
    Snapshot,
    Status,
    session_key,
)
from nextitem.telemetry import RequestRecord

STORE_SHARE = 0.5
"""The share of a request's deadline that the store may use up: the rest is for inference and the way back."""


class Recommender:
    """Answers requests from sessions, models and events.

    Args:
        router: session key -> model.
        store: where sessions live.
        secret: the deployment's key secret.
        deadline: seconds, for requests that name none.
    """

    def __init__(self, router: Router, store: SessionStore, secret: bytes, deadline: float) -> None:
        self._router, self._store = router, store
        self._secret, self._deadline = secret, deadline

    def append_events(self, request: EventsRequest, record: RequestRecord) -> Answer:
        """Add events to a session and answer what its visitor most likely wants next.

        Raises:
            NoModel: no model is loaded.
        """
        key = session_key(self._secret, request.session_id)
        routed = self._router.model_for(key)
        version, deadline = routed.model.version, self._store_deadline(request.wanted)
        if not request.store:
            return self._without_store(routed, request, record)
        try:
            with record.phase("store_read"):
                appended = self._store.append(key, request.events, version, request.now, deadline)
        except StoreUnavailable as error:
            record.fault(error)
            return self._without_store(routed, request, record)

        with record.phase("inference"):
            hidden, fresh = self._replay(routed, appended.record)
        saving: Saving | None = None
        if hidden is not None and fresh:
            with record.phase("store_write"):
                snapshot = Snapshot(appended.record.log[-1].chain, hidden)
                saving = self._store.save(key, version, snapshot, deadline)
        seen = [entry.item_id for entry in appended.record.log]
        with record.phase("inference"):
            served_by, ranked = self._rank(routed, "session", hidden, seen, request.wanted)
        self._settle(saving, record)
        return self._answer(
            routed,
            served_by,
            ranked,
            record,
            session_id=request.session_id,
            events=_in_client_order(request, appended.statuses, routed),
            session_length=appended.record.length,
            stored=True,
        )

    def session_recommendations(self, request: SessionRequest, record: RequestRecord) -> Answer:
        """Answer for a session as it stands, changing nothing.

        Raises:
            NoModel: no model is loaded.
        """
        key = session_key(self._secret, request.session_id)
        routed = self._router.model_for(key)
        length: int | None = None
        try:
            with record.phase("store_read"):
                session = self._store.load(key, routed.model.version, self._store_deadline(request.wanted))
            length = session.length
        except StoreUnavailable as error:
            record.fault(error)
            session = EMPTY
        with record.phase("inference"):
            hidden, _ = self._replay(routed, session)
            seen = [entry.item_id for entry in session.log]
            served_by, ranked = self._rank(routed, "session", hidden, seen, request.wanted)
        return self._answer(routed, served_by, ranked, record, session_id=request.session_id, session_length=length)

    def recommend(self, request: ItemsRequest, record: RequestRecord) -> Answer:
        """Answer from the request's own items; no session is read or written.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for(session_key(self._secret, "\n".join(request.item_ids)))
        served_by, ranked = self._from_items(routed, request.item_ids, request.wanted, record)
        return self._answer(routed, served_by, ranked, record)

    def delete_session(self, session_id: str, record: RequestRecord) -> None:
        """Forget a session; done when this returns.

        Raises:
            StoreUnavailable: the store did not answer, so nothing is known to be forgotten.
        """
        with record.phase("store_write"):
            self._store.delete(session_key(self._secret, session_id), Deadline.after(self._deadline))

    def health(self) -> Health:
        """Say which model serves and whether the store answers.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for(session_key(self._secret, ""))
        try:
            self._store.ping(Deadline.after(self._deadline))
        except StoreUnavailable:
            return Health("ok", _served(routed), "unavailable")
        return Health("ok", _served(routed), "ok")

    def _without_store(self, routed: Routed, request: EventsRequest, record: RequestRecord) -> Answer:
        distinct: dict[str, str] = {}
        statuses: list[Status] = []
        for event in request.events:
            statuses.append("duplicate" if event.event_id in distinct else "applied")
            distinct.setdefault(event.event_id, event.item_id)
        served_by, ranked = self._from_items(routed, list(distinct.values()), request.wanted, record)
        return self._answer(
            routed,
            served_by,
            ranked,
            record,
            session_id=request.session_id,
            events=_in_client_order(request, statuses, routed),
            session_length=len(distinct),
            stored=False,
        )

    def _from_items(
        self, routed: Routed, items: Sequence[str], wanted: Wanted, record: RequestRecord
    ) -> tuple[ServedBy, list[Ranked]]:
        with record.phase("inference"):
            known = routed.model.vocabulary.indices(items)
            hidden = rounded(routed.model.replay(None, known)) if known else None
            return self._rank(routed, "stateless", hidden, items, wanted)

    @staticmethod
    def _replay(routed: Routed, session: SessionRecord) -> tuple[Hidden | None, bool]:
        """Return the session's hidden state (None: no known item yet) and whether its snapshot is out of date."""
        start, entries = session.replay_from()
        known = routed.model.vocabulary.indices(entry.item_id for entry in entries)
        if start is None and not known:
            return None, False
        return rounded(routed.model.replay(start, known)), bool(entries)

    @staticmethod
    def _rank(
        routed: Routed, source: ServedBy, hidden: Hidden | None, seen: Iterable[str], wanted: Wanted
    ) -> tuple[ServedBy, list[Ranked]]:
        barred = (*wanted.exclude, *seen) if wanted.exclude_seen else wanted.exclude
        exclude = routed.model.vocabulary.indices(barred)
        if hidden is None:
            return "popular", routed.model.popular(exclude, wanted.limit)
        return source, routed.model.top(hidden, exclude, wanted.limit)

    @staticmethod
    def _settle(saving: Saving | None, record: RequestRecord) -> None:
        """Wait for the snapshot's write; a lost one costs a replay, so a fault here is only counted."""
        if saving is None:
            return
        try:
            with record.phase("store_write"):
                saving.settle()
        except StoreUnavailable as error:
            record.fault(error)

    def _store_deadline(self, wanted: Wanted) -> Deadline:
        whole = self._deadline if wanted.deadline_ms is None else wanted.deadline_ms / 1000
        return Deadline.after(whole * STORE_SHARE)

    @staticmethod
    def _answer(
        routed: Routed,
        served_by: ServedBy,
        ranked: list[Ranked],
        record: RequestRecord,
        *,
        session_id: str | None = None,
        events: list[AppendedEvent] | None = None,
        session_length: int | None = None,
        stored: bool | None = None,
    ) -> Answer:
        record.served(served_by, routed.model.version)
        item_id: Callable[[int], str] = routed.model.vocabulary.item_id
        return Answer(
            session_id=session_id,
            recommendations=[Recommendation(item_id(one.index), round(one.score, 6)) for one in ranked],
            events=events,
            session_length=session_length,
            stored=stored,
            served_by=served_by,
            model=_served(routed),
        )


def _in_client_order(request: EventsRequest, statuses: Sequence[Status], routed: Routed) -> list[AppendedEvent]:
    answered: list[AppendedEvent | None] = [None] * len(statuses)
    for place, event, status in zip(request.order, request.events, statuses, strict=True):
        unknown = status != "duplicate" and routed.model.vocabulary.index(event.item_id) is None
        shown: EventStatus = "unknown_item" if unknown else status
        answered[place] = AppendedEvent(event.event_id, event.item_id, shown)
    return [one for one in answered if one is not None]


def _served(routed: Routed) -> ServedModel:
    return ServedModel(routed.model.version, routed.variant)
