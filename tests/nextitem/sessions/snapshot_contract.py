"""Snapshots, deletion and lifetime in any session store; a part of `SessionStoreContract`."""

from typing import Protocol

import numpy as np
import pytest

from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import EMPTY, WINDOW, Event, SessionKey, SessionRecord, SessionStore, Snapshot
from tests.nextitem.parts import NOW, VERSION, fresh_key, passed, soon
from tests.nextitem.sessions.log_contract import add, event, names, numbered

DAY_MS = 86_400_000
SHORT_MS = 60_000
"""A time to live that is longer than any test and far below a day."""
FEW = 6
"""Maximum number of snapshots in a session: each may be the largest part of its memory."""


class Inspector(Protocol):
    """Reads and changes what a store holds. The stores under test have a time to live of a day."""

    def remaining(self, key: str) -> int | None:
        """Return a session's time to live in milliseconds, or None if nothing is stored."""

    def shorten(self, key: str, milliseconds: int) -> None:
        """Set a session's time to live."""

    def copy(self, key: str, other: str) -> None:
        """Copy a session to another key and replace the session there."""


def snapshot_of(record: SessionRecord, value: float, *, at: int = -1) -> Snapshot:
    """Return a snapshot of the log up to the entry `at`, with a hidden state that holds `value`."""
    return Snapshot(record.log[at].chain, np.full(8, value, np.float32))


def save(store: SessionStore, key: SessionKey, snapshot: Snapshot, version: str = VERSION) -> bool:
    return store.save(key, version, snapshot, soon()).result(soon())


def value_of(record: SessionRecord) -> float | None:
    """Return the value of the snapshot that a replay starts from, or None if it starts from nothing."""
    hidden, _ = record.replay_from()
    return None if hidden is None else float(hidden[0])


class SnapshotContract:
    """Subclasses give `store` and `inspector`."""

    def test_a_snapshot_leaves_only_later_events_to_replay(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN a session with a snapshot
        record = add(store, key, event("a"), event("b")).session
        assert record.replay_from() == (None, record.log)
        assert save(store, key, snapshot_of(record, 0.5))

        # WHEN it is read THEN no event must be replayed; later events are the only ones to replay
        loaded = store.load(key, VERSION, soon())
        assert (value_of(loaded), loaded.replay_from()[1]) == (0.5, ())
        later = add(store, key, event("c"), event("a"), event("d")).session
        assert (value_of(later), names(later.replay_from()[1])) == (0.5, ["c", "d"])

    def test_an_older_snapshot_never_replaces_a_newer_one(self, store: SessionStore, key: SessionKey) -> None:
        record = add(store, key, *numbered(1, 3)).session
        assert save(store, key, snapshot_of(record, 3.0))
        kept = [save(store, key, snapshot_of(record, 2.0, at=1)), save(store, key, snapshot_of(record, 9.0))]

        assert kept == [False, False]
        assert value_of(store.load(key, VERSION, soon())) == 3.0

    def test_a_newer_snapshot_replaces_an_older_one(self, store: SessionStore, key: SessionKey) -> None:
        record = add(store, key, *numbered(1, 3)).session
        assert save(store, key, snapshot_of(record, 1.0, at=0))
        assert save(store, key, snapshot_of(record, 2.0, at=1))
        assert value_of(store.load(key, VERSION, soon())) == 2.0

    def test_a_snapshot_of_another_past_is_refused(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN a reader of a session, and a late event inserted after its read
        read = add(store, key, *numbered(1, 1), *numbered(3, 3)).session
        add(store, key, *numbered(2, 2))

        # WHEN the reader saves THEN its snapshot is refused, but not one that ends before the late event
        assert not save(store, key, snapshot_of(read, 3.0))
        assert save(store, key, snapshot_of(read, 1.0, at=0))

    def test_an_item_id_that_equals_a_chain_value_stands_for_no_past(
        self, store: SessionStore, key: SessionKey
    ) -> None:
        read = add(store, key, *numbered(1, 1), *numbered(3, 3)).session
        add(store, key, *numbered(2, 2), Event(read.log[-1].chain.decode(), "4"))
        assert not save(store, key, snapshot_of(read, 3.0))

    def test_a_stored_snapshot_of_another_past_is_not_used(self, store: SessionStore, key: SessionKey) -> None:
        read = add(store, key, *numbered(1, 1), *numbered(3, 3)).session
        assert save(store, key, snapshot_of(read, 3.0))
        late = add(store, key, *numbered(2, 2)).session

        assert (value_of(late), names(late.replay_from()[1])) == (None, ["1", "2", "3"])
        assert save(store, key, snapshot_of(late, 2.0, at=1))
        assert value_of(store.load(key, VERSION, soon())) == 2.0

    def test_a_snapshot_whose_end_was_trimmed_is_not_used(self, store: SessionStore, key: SessionKey) -> None:
        record = add(store, key, *numbered(1, 1)).session
        assert save(store, key, snapshot_of(record, 1.0))
        later = add(store, key, *numbered(2, WINDOW + 1)).session
        assert value_of(later) is None
        assert not save(store, key, snapshot_of(record, 1.0))

    def test_each_model_version_has_its_own_snapshot(self, store: SessionStore, key: SessionKey) -> None:
        record = add(store, key, event("a")).session
        save(store, key, snapshot_of(record, 1.0), "v1")
        save(store, key, snapshot_of(record, 2.0), "v2")
        versions = ("v1", "v2", "v3")
        assert [value_of(store.load(key, version, soon())) for version in versions] == [1.0, 2.0, None]
        assert value_of(store.append(key, [event("b")], "v2", NOW, soon()).session) == 2.0

    @pytest.mark.parametrize("events", [1, WINDOW + 1], ids=["short", "trimmed"])
    def test_the_snapshots_of_a_few_versions_are_kept(self, store: SessionStore, key: SessionKey, events: int) -> None:
        # GIVEN a session with or without trimmed events
        record = add(store, key, *numbered(1, events)).session
        versions = [f"v{number}" for number in range(2 * FEW)]

        # WHEN many versions save
        for number, version in enumerate(versions):
            assert save(store, key, snapshot_of(record, float(number)), version)

            # THEN only a few are stored, the newest among them
            there = {name: value_of(store.load(key, name, soon())) for name in versions}
            assert there[version] == number
            assert len([value for value in there.values() if value is not None]) <= FEW

    def test_a_snapshot_of_no_session_is_refused(
        self, store: SessionStore, key: SessionKey, inspector: Inspector
    ) -> None:
        record = add(store, fresh_key(), event("a")).session
        assert not save(store, key, snapshot_of(record, 1.0))
        assert inspector.remaining(key) is None

    def test_delete_removes_everything(self, store: SessionStore, key: SessionKey, inspector: Inspector) -> None:
        # GIVEN a session with all fields
        record = add(store, key, *numbered(1, WINDOW + 1)).session
        save(store, key, snapshot_of(record, 1.0))

        # WHEN it is deleted twice THEN nothing is left, and a save creates nothing
        store.delete(key, soon())
        store.delete(key, soon())
        assert inspector.remaining(key) is None
        assert not save(store, key, snapshot_of(record, 1.0))
        assert inspector.remaining(key) is None
        assert store.load(key, VERSION, soon()) == EMPTY
        assert add(store, key, *numbered(1, 1)).statuses == ("applied",)

    def test_a_new_session_takes_no_snapshot_of_a_deleted_one(self, store: SessionStore, key: SessionKey) -> None:
        old = add(store, key, event("a"), event("b")).session
        store.delete(key, soon())
        new = add(store, key, Event("another", "a"), event("b")).session
        assert not save(store, key, snapshot_of(old, 1.0))
        assert value_of(store.load(key, VERSION, soon())) is None
        assert save(store, key, snapshot_of(new, 2.0))

    def test_every_write_renews_the_time_to_live(
        self, store: SessionStore, key: SessionKey, inspector: Inspector
    ) -> None:
        def renewed() -> bool:
            remaining = inspector.remaining(key)
            inspector.shorten(key, SHORT_MS)
            return remaining is not None and SHORT_MS < remaining <= DAY_MS

        record = add(store, key, event("a")).session
        assert renewed()
        add(store, key, event("a"))
        assert renewed()
        assert save(store, key, snapshot_of(record, 1.0))
        assert renewed()

    def test_reading_changes_nothing(self, store: SessionStore, key: SessionKey, inspector: Inspector) -> None:
        before = add(store, key, event("a")).session
        inspector.shorten(key, SHORT_MS)
        loaded = [store.load(key, VERSION, soon()) for _ in range(2)]

        assert loaded == [before, before]
        assert (inspector.remaining(key) or DAY_MS) <= SHORT_MS
        other = fresh_key()
        store.load(other, VERSION, soon())
        assert inspector.remaining(other) is None

    def test_a_passed_deadline_is_an_unavailable_store(
        self, store: SessionStore, key: SessionKey, inspector: Inspector
    ) -> None:
        record = add(store, key, event("a")).session
        saving = store.save(key, VERSION, snapshot_of(record, 1.0), passed())
        for verb in (
            lambda: store.append(key, [event("b")], VERSION, NOW, passed()),
            lambda: store.load(key, VERSION, passed()),
            lambda: saving.result(soon()),
            lambda: store.delete(key, passed()),
            lambda: store.ping(passed()),
        ):
            with pytest.raises(StoreUnavailable):
                verb()
        assert store.load(key, VERSION, soon()) == record

    def test_it_answers_a_ping(self, store: SessionStore) -> None:
        store.ping(soon())
