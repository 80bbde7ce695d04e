"""A recommender as the handler calls it: JSON in, answers out, over real parts or doubles."""

from collections.abc import Mapping
from typing import Any

import msgspec

from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.service.schema import (
    Answer,
    EventsBody,
    ItemsBody,
    ItemsRequest,
    RankingOptions,
    SessionRequest,
    SteeredOptions,
    events_request,
    parse,
    similar_request,
)
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import SessionStore
from nextitem.telemetry.record import RequestRecord
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, SECRET, soon

Event = str | Mapping[str, Any]
"""An event of a request's body; a text is the item of an event of the same name."""


def fixed_keys() -> KeyRing:
    """A ring whose one secret never changes."""

    def nothing_goes_wrong(error: BaseException) -> None:
        raise AssertionError(error)

    return KeyRing(lambda: KeySecret(SECRET), 3600, nothing_goes_wrong)


class Service:
    """Calls a recommender; keeps the record of its last call."""

    def __init__(self, router: Router, store: SessionStore) -> None:
        # A loaded machine must not make a store late, which has half of this.
        self.recommender = Recommender(router, store, fixed_keys(), deadline=2 * PATIENCE_SECONDS)
        self.store = store
        self.record = RequestRecord()

    def append(self, session_id: str, *events: Event, now: int = NOW, **options: Any) -> Answer:
        bodies = [{"item_id": event, "event_id": event} if isinstance(event, str) else event for event in events]
        body = parse(msgspec.json.encode({"events": bodies, **options}), EventsBody)
        self.record = RequestRecord()
        answer = self.recommender.append_events(events_request(SessionName(session_id), body, now), self.record)
        self.recommender.wait_until_sent(soon())  # for tests that look into the store next
        return answer

    def get(self, session_id: str, **options: Any) -> Answer:
        wanted = parse(msgspec.json.encode(options), RankingOptions)
        self.record = RequestRecord()
        return self.recommender.session_recommendations(SessionRequest(SessionName(session_id), wanted), self.record)

    def recommend(self, *item_ids: str, **options: Any) -> Answer:
        body = parse(msgspec.json.encode({"item_ids": item_ids, **options}), ItemsBody)
        self.record = RequestRecord()
        return self.recommender.recommend(ItemsRequest(tuple(body.item_ids), body), self.record)

    def similar(self, item_id: str, **options: Any) -> Answer:
        wanted = parse(msgspec.json.encode(options), SteeredOptions)
        self.record = RequestRecord()
        return self.recommender.similar(similar_request(item_id, wanted), self.record)

    def delete(self, session_id: str) -> None:
        self.record = RequestRecord()
        self.recommender.delete_session(SessionName(session_id), self.record)


def items(answer: Answer) -> list[str]:
    """The items that an answer recommends, best first."""
    return [item.item_id for item in answer.recommendations]


def statuses(answer: Answer) -> list[str]:
    assert answer.events is not None
    return [event.status for event in answer.events]
