"""The use case. `Recommender.append_events` is the story of one request, top to bottom.

Knows no HTTP, no Lambda and no Redis; whatever the store does, there is an answer while there is a model.
"""

from collections import deque

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.hidden_state import HiddenState
from nextitem.service import ranking
from nextitem.service.router import Routed, Router
from nextitem.service.schema import (
    Answer,
    EventsRequest,
    Health,
    ItemsRequest,
    SessionRequest,
    Wanted,
)
from nextitem.sessions.background_writer import BackgroundWriter
from nextitem.sessions.codec import recommendation_id
from nextitem.sessions.feedback import feedback_on
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import (
    IMPRESSION_SIZE,
    Impression,
    PendingSave,
    SessionRecord,
    SessionStore,
    Snapshot,
    Status,
)
from nextitem.telemetry.record import RequestRecord

STORE_SHARE = 0.5
"""The share of a request's deadline that the store may use up: the rest is for inference and the way back."""

MAX_ON_THEIR_WAY = 4
"""How many snapshots may wait for the store's word before the oldest is given up, and its connection with it."""


class Recommender:
    """Answers requests from sessions, models and events, one at a time.

    Args:
        router: session key -> model.
        store: where sessions live.
        keys: session -> its key in the store.
        deadline: seconds, for requests that name none.
    """

    def __init__(self, router: Router, store: SessionStore, keys: KeyRing, deadline: float) -> None:
        self._router, self._store = router, store
        self._keys, self._deadline = keys, deadline
        self._on_their_way: deque[PendingSave] = deque()
        self._writer = BackgroundWriter()

    def append_events(self, request: EventsRequest, record: RequestRecord) -> Answer:
        """Add events to a session and answer what its visitor most likely wants next.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for(request.session.digest)
        deadline = self._store_deadline(request.wanted)
        if not request.store:
            return self._without_store(routed, request, record)
        self._settle(deadline, record)
        try:
            with record.phase("store_read"):
                key = self._home(request.session, deadline)
                appended = self._store.append(key, request.events, routed.model.version, request.now, deadline)
        except StoreUnavailable as error:
            record.fault(error)
            return self._without_store(routed, request, record)

        session = appended.record
        hidden, pending = ranking.restored(routed, session, record)
        served_by, best = ranking.rank(
            routed, "session", hidden, session.item_ids, request.wanted, record, least=IMPRESSION_SIZE
        )
        answer = ranking.answer_of(
            routed,
            served_by,
            best[: request.wanted.limit],
            record,
            session_id=request.session.session_id,
            events=ranking.in_client_order(request, appended.statuses, routed, record),
            session_length=session.length,
            stored=True,
            recommendation_id=_answer_id(request.session, session, routed),
        )
        record.feedback = feedback_on(appended.impression, request.events, appended.statuses)
        if pending:
            with record.phase("store_write"):
                shown = [one.item_id for one in answer.recommendations[:IMPRESSION_SIZE]]
                shown += ranking.item_ids(routed, best[len(shown) : IMPRESSION_SIZE])
                self._remember(key, session.log[-1].chain, hidden, answer, tuple(shown), deadline)
        return answer

    def session_recommendations(self, request: SessionRequest, record: RequestRecord) -> Answer:
        """Answer for a session as it stands, adding nothing to it.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for(request.session.digest)
        deadline = self._store_deadline(request.wanted)
        self._settle(deadline, record)
        name = request.session
        try:
            with record.phase("store_read"):
                session = self._store.load(self._home(name, deadline), routed.model.version, deadline)
        except StoreUnavailable as error:
            record.fault(error)
            served_by, ranked = ranking.from_items(routed, (), request.wanted, record)
            return ranking.answer_of(routed, served_by, ranked, record, session_id=name.session_id)
        hidden, _ = ranking.restored(routed, session, record)
        served_by, ranked = ranking.rank(routed, "session", hidden, session.item_ids, request.wanted, record)
        return ranking.answer_of(
            routed,
            served_by,
            ranked,
            record,
            session_id=name.session_id,
            session_length=session.length,
            recommendation_id=_answer_id(name, session, routed),
        )

    def recommend(self, request: ItemsRequest, record: RequestRecord) -> Answer:
        """Answer from the request's own items; no session is read or written.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for(SessionName("\n".join(request.item_ids)).digest)
        served_by, ranked = ranking.from_items(routed, request.item_ids, request.wanted, record)
        return ranking.answer_of(routed, served_by, ranked, record)

    def delete_session(self, session: SessionName, record: RequestRecord) -> None:
        """Forget a session; done when this returns.

        Raises:
            StoreUnavailable: the store did not answer, or where the session may be is not surely known: then nothing
                is known to be forgotten.
        """
        deadline = Deadline.after(self._deadline)
        self._settle(deadline, record)
        with record.phase("store_write"):
            keys = self._keys.keys_to_delete(session, deadline)
            self._store.delete(keys.current, deadline, keys.previous)

    def sent(self, deadline: Deadline) -> None:
        """Wait until what requests have left to be sent is sent, or the deadline has come."""
        self._writer.wait(deadline)

    def health(self) -> Health:
        """Say which model serves and whether the store answers.

        Raises:
            NoModel: no model is loaded.
        """
        routed = self._router.model_for(SessionName("").digest)
        try:
            self._store.ping(Deadline.after(self._deadline))
        except StoreUnavailable:
            return Health("ok", ranking.served(routed), "unavailable")
        return Health("ok", ranking.served(routed), "ok")

    def _without_store(self, routed: Routed, request: EventsRequest, record: RequestRecord) -> Answer:
        distinct: dict[str, str] = {}
        statuses: list[Status] = []
        for event in request.events:
            statuses.append("duplicate" if event.event_id in distinct else "applied")
            distinct.setdefault(event.event_id, event.item_id)
        served_by, ranked = ranking.from_items(routed, list(distinct.values()), request.wanted, record)
        return ranking.answer_of(
            routed,
            served_by,
            ranked,
            record,
            session_id=request.session.session_id,
            events=ranking.in_client_order(request, statuses, routed, record),
            session_length=len(distinct),
            stored=False,
        )

    def _home(self, session: SessionName, deadline: Deadline) -> str:
        """Return a session's key; one that lives under the secret before it has moved there when this returns."""
        keys = self._keys.keys(session, deadline)
        if keys.previous is not None:
            self._store.move(keys.previous, keys.current, deadline)
        return keys.current

    def _remember(
        self,
        key: str,
        chain: bytes,
        hidden: HiddenState | None,
        answer: Answer,
        shown: tuple[str, ...],
        deadline: Deadline,
    ) -> None:
        """Send what the session's next request will want to know; nobody waits: a lost one costs a replay."""
        version = answer.model.version
        snapshot = None if hidden is None else Snapshot(chain, hidden)
        impression = Impression(chain, answer.recommendation_id or "", version, answer.model.variant, shown)
        saving = self._writer.send(lambda: self._store.save(key, version, snapshot, deadline, impression))
        self._on_their_way.append(saving)

    def _settle(self, deadline: Deadline, record: RequestRecord) -> None:
        """Read what the store said of earlier snapshots, where it is here; a fault is only counted."""
        self._writer.wait(deadline)
        for _ in range(len(self._on_their_way)):
            saving = self._on_their_way.popleft()
            too_many = len(self._on_their_way) >= MAX_ON_THEIR_WAY
            if not saving.done() and not too_many:
                self._on_their_way.append(saving)
                continue
            try:
                with record.phase("store_write"):
                    saving.result(Deadline.after(0) if too_many else deadline)
            except StoreUnavailable as error:
                record.fault(error)

    def _store_deadline(self, wanted: Wanted) -> Deadline:
        whole = self._deadline if wanted.deadline_ms is None else wanted.deadline_ms / 1000
        return Deadline.after(whole * STORE_SHARE)


def _answer_id(name: SessionName, session: SessionRecord, routed: Routed) -> str | None:
    if not session.log:
        return None
    return recommendation_id(name.digest, session.log[-1].chain, routed.model.version, routed.variant)
