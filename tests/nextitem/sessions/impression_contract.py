"""Impressions (items recommended) in any session store; a part of `SessionStoreContract`."""

from msgspec import structs

from nextitem.sessions.session import Impression, SessionKey, SessionRecord, SessionStore
from tests.nextitem.parts import VERSION, fresh_key, soon
from tests.nextitem.sessions.log_contract import add, event, numbered
from tests.nextitem.sessions.snapshot_contract import Inspector, snapshot_of, value_of

DAY_MS = 86_400_000


def impression_of(record: SessionRecord, *item_ids: str, at: int = -1) -> Impression:
    """Return an impression that was shown when the log ended with the entry `at`."""
    return Impression(record.log[at].chain, "answer-1", VERSION, "main", item_ids)


def show(store: SessionStore, key: SessionKey, impression: Impression) -> bool:
    return store.save(key, VERSION, None, soon(), impression).result(soon())


class ImpressionContract:
    """Subclasses give `store` and `inspector`."""

    def test_the_next_append_returns_the_impression_before_it(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN an impression; any text is a valid item id
        first = add(store, key, event("a"))
        impression = impression_of(first.session, "tea", "a pot\nof té", "\x00")
        assert first.impression is None
        assert show(store, key, impression)

        # WHEN events follow THEN only the first gets it, because nothing was shown after that event
        after = add(store, key, event("b"))
        assert after.impression == impression
        assert add(store, key, event("c")).impression is None

    def test_an_impression_that_arrives_late_is_not_returned(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN an impression that arrives only after the next event
        first = add(store, key, event("a"))
        add(store, key, event("b"))
        assert show(store, key, impression_of(first.session, "tea"))

        # WHEN another event follows THEN it does not get it, because the visitor saw another list
        assert add(store, key, event("c")).impression is None

    def test_an_older_impression_never_replaces_a_newer_one(self, store: SessionStore, key: SessionKey) -> None:
        record = add(store, key, *numbered(1, 3)).session
        newer = impression_of(record, "newer")
        assert show(store, key, newer)
        assert not show(store, key, impression_of(record, "older", at=0))
        assert add(store, key, event("3")).impression == newer

    def test_another_impression_after_the_same_events_replaces_it(self, store: SessionStore, key: SessionKey) -> None:
        record = add(store, key, event("a")).session
        assert show(store, key, impression_of(record, "tea"))
        other = structs.replace(impression_of(record, "pot"), version="v2", variant="canary", teams="x")
        assert show(store, key, other)
        assert add(store, key, event("a")).impression == other

    def test_one_save_stores_both(self, store: SessionStore, key: SessionKey, inspector: Inspector) -> None:
        record = add(store, key, event("a")).session
        impression = impression_of(record, "tea")
        assert store.save(key, VERSION, snapshot_of(record, 1.0), soon(), impression).result(soon())
        assert value_of(store.load(key, VERSION, soon())) == 1.0
        assert add(store, key, event("a")).impression == impression
        remaining = inspector.remaining(key)
        assert remaining is not None
        assert remaining <= DAY_MS

    def test_an_impression_of_no_session_is_refused(
        self, store: SessionStore, key: SessionKey, inspector: Inspector
    ) -> None:
        record = add(store, fresh_key(), event("a")).session
        assert not show(store, key, impression_of(record, "tea"))
        assert inspector.remaining(key) is None
