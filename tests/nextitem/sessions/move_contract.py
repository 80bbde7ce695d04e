"""What any session store promises of a session that moves to another key; part of `SessionStoreContract`."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import EMPTY, SEEN_TAGS, WINDOW, SessionStore
from tests.nextitem.parts import NOW, STEADY, VERSION, fresh_key, passed, soon
from tests.nextitem.sessions.impression_contract import impression_of, show
from tests.nextitem.sessions.log_contract import add, assert_chained, names, numbered
from tests.nextitem.sessions.snapshot_contract import DAY_MS, SHORT_MS, Inspector, save, snapshot_of, value_of

STEPS = st.lists(st.tuples(st.sampled_from(["old", "new", "move", "interrupted"]), st.integers(1, WINDOW)), max_size=20)
"""What happens to a session while some functions know the new secret and others do not: an event under the old key or
the new one, and a move, which may end before the old session is removed."""


class AdoptContract:
    """Subclasses give `store` and `inspector`."""

    def test_a_session_moves_with_all_that_it_has(self, store: SessionStore, key: str, inspector: Inspector) -> None:
        # GIVEN a session of which events were trimmed, with two snapshots and an impression, and little time to live
        old = fresh_key()
        record = add(store, old, *numbered(1, WINDOW + 9)).record
        for value, version in enumerate(("v1", "v2")):
            assert save(store, old, snapshot_of(record, float(value)), version)
        impression = impression_of(record, "tea", "cup")
        assert show(store, old, impression)
        inspector.shorten(old, SHORT_MS)

        # WHEN it moves THEN nothing of it is where it was
        assert store.move(old, key, soon())
        assert inspector.remaining(old) is None
        # AND the log, its snapshots, its impression and its time are where it is
        assert 0 < (inspector.remaining(key) or DAY_MS) <= SHORT_MS
        moved = store.load(key, "v1", soon())
        assert (moved.length, moved.log, value_of(moved)) == (record.length, record.log, 0.0)
        assert value_of(store.load(key, "v2", soon())) == 1.0
        # AND what was trimmed is known still
        again = add(store, key, *numbered(1, 9))
        assert (again.statuses, again.impression) == (("duplicate",) * 9, impression)

    def test_where_there_is_none_nothing_happens(self, store: SessionStore, key: str, inspector: Inspector) -> None:
        old = fresh_key()
        assert not store.move(old, key, soon())
        assert [inspector.remaining(one) for one in (old, key)] == [None, None]

        # AND a session that lives where one would move to stays as it is
        record = add(store, key, *numbered(1, 2)).record
        assert not store.move(old, key, soon())
        assert store.load(key, VERSION, soon()) == record

    def test_it_moves_once(self, store: SessionStore, key: str) -> None:
        old = fresh_key()
        record = add(store, old, *numbered(1, 3)).record
        assert [store.move(old, key, soon()) for _ in range(3)] == [True, False, False]
        assert store.load(key, VERSION, soon()) == record

    def test_two_sessions_are_joined_in_the_order_of_their_events(
        self, store: SessionStore, key: str, inspector: Inspector
    ) -> None:
        # GIVEN a session under either key, one event of which is the same
        old, (one, two, three, four, five) = fresh_key(), numbered(1, 5)
        add(store, old, one, three, five)
        newer = add(store, key, two, three, four).record
        assert save(store, key, snapshot_of(newer, 4.0))
        inspector.shorten(key, SHORT_MS)

        # WHEN the one moves THEN each event is there once, at its time
        assert store.move(old, key, soon())
        joined = store.load(key, VERSION, soon())
        assert (names(joined.log), joined.length) == (["1", "2", "3", "4", "5"], 5)
        assert_chained(joined.log)
        # AND a state of another past is not gone on from, and the joined session lives on for a day
        assert value_of(joined) is None
        assert (inspector.remaining(key) or 0) > SHORT_MS
        assert inspector.remaining(old) is None

    @pytest.mark.parametrize("later", [0, 5, WINDOW, WINDOW + SEEN_TAGS // 2])
    def test_a_move_that_was_interrupted_is_made_up_for(
        self, store: SessionStore, key: str, inspector: Inspector, later: int
    ) -> None:
        # GIVEN a session that lives under both keys, for its move ended before it was removed; it goes on
        old, kept = fresh_key(), fresh_key()
        add(store, old, *numbered(1, WINDOW + 3))
        inspector.copy(old, kept)
        assert store.move(old, key, soon())
        inspector.copy(kept, old)
        for first in range(WINDOW + 4, WINDOW + 4 + later, WINDOW):
            add(store, key, *numbered(first, min(first + WINDOW, WINDOW + 4 + later) - 1))
        before = store.load(key, VERSION, soon())

        # WHEN it moves again THEN nothing is doubled, nothing lost
        assert store.move(old, key, soon())
        assert store.load(key, VERSION, soon()) == before
        assert (before.length, inspector.remaining(old)) == (WINDOW + 3 + later, None)

    def test_whoever_knows_only_the_old_key_loses_nothing(self, store: SessionStore, key: str) -> None:
        # GIVEN a session that has moved WHEN somebody who does not know adds to it, late events and known ones, too
        old, events = fresh_key(), numbered(1, 8)
        add(store, old, *events[:3])
        assert store.move(old, key, soon())
        add(store, key, *events[4:6])
        add(store, old, events[3], events[6], events[4])

        # THEN the next move brings it, each event once and at its time
        assert store.move(old, key, soon())
        assert names(store.load(key, VERSION, soon()).log) == ["1", "2", "3", "4", "5", "6", "7"]
        assert store.load(old, VERSION, soon()) == EMPTY
        assert store.load(key, VERSION, soon()).length == 7

    # Each store that inherits this runs it; there is no state that one could leave to another.
    @settings(STEADY, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
    @example([("old", 2), ("interrupted", 1), ("old", 1), ("new", 3), ("move", 1), ("old", 3)])
    @given(STEPS)
    def test_whatever_happens_meanwhile_each_event_is_there_once(
        self, store: SessionStore, inspector: Inspector, steps: list[tuple[str, int]]
    ) -> None:
        # GIVEN events under both keys and moves, in any order
        old, key, kept = fresh_key(), fresh_key(), fresh_key()
        told: set[int] = set()
        for step, number in steps:
            if step in {"old", "new"}:
                add(store, old if step == "old" else key, *numbered(number, number), now=NOW)
                told.add(number)
                continue
            there = inspector.remaining(old) is not None
            if there:
                inspector.copy(old, kept)
            assert store.move(old, key, soon()) == there
            if there and step == "interrupted":
                inspector.copy(kept, old)

        # WHEN all is over THEN the session is that of these events, in their order
        store.move(old, key, soon())
        record = store.load(key, VERSION, soon())
        assert (names(record.log), record.length) == ([str(number) for number in sorted(told)], len(told))
        assert_chained(record.log)

    def test_no_time_moves_nothing(self, store: SessionStore, key: str, inspector: Inspector) -> None:
        old = fresh_key()
        record = add(store, old, *numbered(1, 2)).record
        with pytest.raises(StoreUnavailable):
            store.move(old, key, passed())
        assert store.load(old, VERSION, soon()) == record
        assert inspector.remaining(key) is None
