"""Moving a session to another key in any session store; a part of `SessionStoreContract`."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import EMPTY, SEEN_TAGS, WINDOW, SessionKey, SessionStore
from tests.nextitem.parts import NOW, STEADY, VERSION, fresh_key, passed, soon
from tests.nextitem.sessions.impression_contract import impression_of, show
from tests.nextitem.sessions.log_contract import add, assert_chained, names, numbered
from tests.nextitem.sessions.snapshot_contract import DAY_MS, SHORT_MS, Inspector, save, snapshot_of, value_of

STEPS = st.lists(st.tuples(st.sampled_from(["old", "new", "move", "interrupted"]), st.integers(1, WINDOW)), max_size=20)
"""Steps while some functions have the new secret and others do not: an event under the old or the new key, and a move,
which may be interrupted before it deletes the old session."""


class MoveContract:
    """Subclasses give `store` and `inspector`."""

    @pytest.mark.slow
    def test_a_session_moves_with_all_its_fields(
        self, store: SessionStore, key: SessionKey, inspector: Inspector
    ) -> None:
        # GIVEN a session with trimmed events, two snapshots, an impression, and a short time to live
        old = fresh_key()
        record = add(store, old, *numbered(1, WINDOW + 9)).session
        for value, version in enumerate(("v1", "v2")):
            assert save(store, old, snapshot_of(record, float(value)), version)
        impression = impression_of(record, "tea", "cup")
        assert show(store, old, impression)
        inspector.shorten(old, SHORT_MS)

        # WHEN it moves THEN nothing is left under the old key
        assert store.move(old, key, soon())
        assert inspector.remaining(old) is None
        # AND all of it is under the new key
        assert 0 < (inspector.remaining(key) or DAY_MS) <= SHORT_MS
        moved = store.load(key, "v1", soon())
        assert (moved.length, moved.log, value_of(moved)) == (record.length, record.log, 0.0)
        assert value_of(store.load(key, "v2", soon())) == 1.0
        # AND the trimmed events are still duplicates
        again = add(store, key, *numbered(1, 9))
        assert (again.statuses, again.impression) == (("duplicate",) * 9, impression)

    def test_moving_no_session_changes_nothing(
        self, store: SessionStore, key: SessionKey, inspector: Inspector
    ) -> None:
        old = fresh_key()
        assert not store.move(old, key, soon())
        assert [inspector.remaining(each) for each in (old, key)] == [None, None]

        # A session under the new key stays as it is
        record = add(store, key, *numbered(1, 2)).session
        assert not store.move(old, key, soon())
        assert store.load(key, VERSION, soon()) == record

    def test_a_session_moves_once(self, store: SessionStore, key: SessionKey) -> None:
        old = fresh_key()
        record = add(store, old, *numbered(1, 3)).session
        assert [store.move(old, key, soon()) for _ in range(3)] == [True, False, False]
        assert store.load(key, VERSION, soon()) == record

    def test_two_sessions_are_joined_in_the_order_of_their_events(
        self, store: SessionStore, key: SessionKey, inspector: Inspector
    ) -> None:
        # GIVEN a session under each key, with one event in common
        old, (one, two, three, four, five) = fresh_key(), numbered(1, 5)
        add(store, old, structs.replace(one, type="cart"), three, five)
        newer = add(store, key, two, three, four).session
        assert save(store, key, snapshot_of(newer, 4.0))
        inspector.shorten(key, SHORT_MS)

        # WHEN the old one moves THEN each event is stored once, at its time
        assert store.move(old, key, soon())
        joined = store.load(key, VERSION, soon())
        assert (names(joined.log), joined.length) == (["1", "2", "3", "4", "5"], 5)
        assert [entry.type for entry in joined.log] == ["cart", "view", "view", "view", "view"]
        assert_chained(joined.log)
        # AND a snapshot of another log is not used, and the joined session lives for a day
        assert value_of(joined) is None
        assert (inspector.remaining(key) or 0) > SHORT_MS
        assert inspector.remaining(old) is None

    @pytest.mark.parametrize("later", [0, 5, WINDOW, WINDOW + SEEN_TAGS // 2])
    def test_an_interrupted_move_can_be_repeated(
        self, store: SessionStore, key: SessionKey, inspector: Inspector, later: int
    ) -> None:
        # GIVEN a session under both keys after an interrupted move, with later events
        old, kept = fresh_key(), fresh_key()
        add(store, old, *numbered(1, WINDOW + 3))
        inspector.copy(old, kept)
        assert store.move(old, key, soon())
        inspector.copy(kept, old)
        for first in range(WINDOW + 4, WINDOW + 4 + later, WINDOW):
            add(store, key, *numbered(first, min(first + WINDOW, WINDOW + 4 + later) - 1))
        before = store.load(key, VERSION, soon())

        # WHEN it moves again THEN no event is lost or stored twice
        assert store.move(old, key, soon())
        assert store.load(key, VERSION, soon()) == before
        assert (before.length, inspector.remaining(old)) == (WINDOW + 3 + later, None)

    def test_events_under_the_old_key_are_not_lost(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN a session that has moved, and then gets new, late and known events under its old key
        old, events = fresh_key(), numbered(1, 8)
        add(store, old, *events[:3])
        assert store.move(old, key, soon())
        add(store, key, *events[4:6])
        add(store, old, events[3], events[6], events[4])

        # WHEN it moves again THEN each event is stored once, at its time
        assert store.move(old, key, soon())
        assert names(store.load(key, VERSION, soon()).log) == ["1", "2", "3", "4", "5", "6", "7"]
        assert store.load(old, VERSION, soon()) == EMPTY
        assert store.load(key, VERSION, soon()).length == 7

    # differing_executors: each store runs this test; they share no state
    @settings(STEADY, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
    @example([("old", 2), ("interrupted", 1), ("old", 1), ("new", 3), ("move", 1), ("old", 3)])
    @given(STEPS)
    def test_any_order_of_events_and_moves_keeps_each_event_once(
        self, store: SessionStore, inspector: Inspector, steps: list[tuple[str, int]]
    ) -> None:
        # GIVEN events under both keys and moves, in any order
        old, key, kept = fresh_key(), fresh_key(), fresh_key()
        sent: set[int] = set()
        for step, number in steps:
            if step in {"old", "new"}:
                add(store, old if step == "old" else key, *numbered(number, number), now=NOW)
                sent.add(number)
                continue
            exists = inspector.remaining(old) is not None
            if exists:
                inspector.copy(old, kept)
            assert store.move(old, key, soon()) == exists
            if exists and step == "interrupted":
                inspector.copy(kept, old)

        # WHEN it moves at the end THEN the session has all events, in order
        store.move(old, key, soon())
        record = store.load(key, VERSION, soon())
        assert (names(record.log), record.length) == ([str(number) for number in sorted(sent)], len(sent))
        assert_chained(record.log)

    def test_a_passed_deadline_moves_nothing(self, store: SessionStore, key: SessionKey, inspector: Inspector) -> None:
        old = fresh_key()
        record = add(store, old, *numbered(1, 2)).session
        with pytest.raises(StoreUnavailable):
            store.move(old, key, passed())
        assert store.load(old, VERSION, soon()) == record
        assert inspector.remaining(key) is None
