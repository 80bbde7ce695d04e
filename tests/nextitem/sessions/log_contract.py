"""The log of a session in any session store; a part of `SessionStoreContract`."""

from bisect import bisect_right
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import (
    EMPTY,
    SEEN_TAGS,
    WINDOW,
    Appended,
    Event,
    LogEntry,
    SessionKey,
    SessionStore,
    Status,
)
from tests.nextitem.parts import HASH_KEY, NOW, STEADY, VERSION, fresh_key, soon


def event(name: str, at: int | None = None) -> Event:
    """An event on an item of the same name."""
    return Event(f"item-{name}", name, at)


def numbered(first: int, last: int) -> list[Event]:
    """Events a second apart, whose times and names are their numbers."""
    return [event(str(number), NOW + number * 1000) for number in range(first, last + 1)]


def add(store: SessionStore, key: SessionKey, *events: Event, now: int = NOW) -> Appended:
    return store.append(key, events, VERSION, now, soon())


def names(log: Sequence[LogEntry]) -> list[str]:
    return [entry.item_id.removeprefix("item-") for entry in log]


def assert_chained(log: Sequence[LogEntry], before: bytes = b"") -> None:
    """Every entry's chain follows from the one before it; `before` is that before the log's first."""
    for entry in log:
        before = next_chain(before, entry.tag, entry.item_id, entry.type)
        assert entry.chain == before


class ExpectedLog:
    """A session's log as its promise reads, without any store."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.log: list[tuple[int, str]] = []

    def append(self, event: Event, now: int) -> Status:
        name, at = event.event_id, event.occurred_at
        if at is None:
            at = max(now, self.log[-1][0]) if self.log else now
        if name in self.seen:
            return "duplicate"
        place = bisect_right(self.log, at, key=lambda entry: entry[0])
        late = place < len(self.log)
        if late and place == 0 and len(self.log) == WINDOW:
            return "too_old"
        self.seen.add(name)
        self.log.insert(place, (at, name))
        self.log = self.log[-WINDOW:]
        return "late" if late else "applied"


BATCHES = st.tuples(
    st.lists(st.tuples(st.integers(0, 99), st.none() | st.integers(-70, 70)), min_size=1, max_size=WINDOW),
    st.integers(-70, 70),
)
"""Names and times of the events of one request, and the clock's time at it."""


class LogContract:
    """Subclasses give `store`."""

    def test_a_session_that_does_not_exist_is_empty(self, store: SessionStore, key: SessionKey) -> None:
        assert store.load(key, VERSION, soon()) == EMPTY

    def test_new_events_are_applied_in_order(self, store: SessionStore, key: SessionKey) -> None:
        add(store, key, event("a", NOW))
        appended = add(store, key, event("b", NOW + 1), event("c", NOW + 2))

        assert appended.statuses == ("applied", "applied")
        assert names(appended.session.log) == ["a", "b", "c"]
        assert [entry.at for entry in appended.session.log] == [NOW, NOW + 1, NOW + 2]
        assert [entry.tag for entry in appended.session.log] == [event_tag(HASH_KEY, name) for name in "abc"]
        assert_chained(appended.session.log)
        assert appended.session.length == 3
        assert store.load(key, VERSION, soon()) == appended.session

    def test_a_repeated_event_is_a_duplicate(self, store: SessionStore, key: SessionKey) -> None:
        before = add(store, key, event("a"), event("b")).session
        appended = add(store, key, Event("another item", "a", NOW + 5), event("c"), event("c"))

        assert appended.statuses == ("duplicate", "applied", "duplicate")
        assert names(appended.session.log) == ["a", "b", "c"]
        assert (before.length, appended.session.length) == (2, 3)

    def test_a_late_event_takes_its_own_place(self, store: SessionStore, key: SessionKey) -> None:
        add(store, key, *numbered(1, 2), *numbered(4, 4))
        appended = add(store, key, *numbered(0, 0), *numbered(3, 3))

        assert appended.statuses == ("late", "late")
        assert names(appended.session.log) == ["0", "1", "2", "3", "4"]
        assert_chained(appended.session.log)
        assert appended.session.length == 5

    def test_a_late_event_in_a_full_window_pushes_the_oldest_out(self, store: SessionStore, key: SessionKey) -> None:
        add(store, key, *numbered(1, 9), *numbered(11, WINDOW + 1))
        appended = add(store, key, *numbered(10, 10))

        assert appended.statuses == ("late",)
        assert names(appended.session.log) == [str(number) for number in range(2, WINDOW + 2)]
        assert appended.session.length == WINDOW + 1

    def test_an_event_older_than_a_full_window_changes_nothing(self, store: SessionStore, key: SessionKey) -> None:
        before = add(store, key, *numbered(1, WINDOW)).session
        appended = add(store, key, *numbered(0, 0), *numbered(0, 0))

        assert appended.statuses == ("too_old", "too_old")
        assert appended.session == before
        assert store.load(key, VERSION, soon()) == before

    def test_unstamped_events_come_after_all(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN a session whose newest event is later than the clock of the next request
        add(store, key, event("a", NOW + 60_000))

        # WHEN events without a time are appended THEN they are the newest, in their order
        appended = add(store, key, event("c"), event("b"), now=NOW)
        assert appended.statuses == ("applied", "applied")
        assert names(appended.session.log) == ["a", "c", "b"]
        assert [entry.at for entry in appended.session.log] == [NOW + 60_000] * 3

        # AND later events get the time of their request
        appended = add(store, key, event("d"), now=NOW + 90_000)
        assert appended.session.log[-1].at == NOW + 90_000

    def test_events_of_equal_time_keep_the_order_of_arrival(self, store: SessionStore, key: SessionKey) -> None:
        add(store, key, event("b", NOW), event("z", NOW + 1))
        appended = add(store, key, event("a", NOW), event("c", NOW + 1))
        assert appended.statuses == ("late", "applied")
        assert names(appended.session.log) == ["b", "a", "z", "c"]

    def test_the_log_keeps_the_newest_and_the_length_counts_all(self, store: SessionStore, key: SessionKey) -> None:
        first = add(store, key, *numbered(1, WINDOW)).session
        second = add(store, key, *numbered(WINDOW + 1, WINDOW + 40)).session

        assert names(second.log) == [str(number) for number in range(41, WINDOW + 41)]
        assert second.length == WINDOW + 40
        assert_chained(second.log, before=first.log[39].chain)

    def test_trimmed_events_are_still_duplicates(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN a session with as many trimmed events as it remembers
        for first in range(1, SEEN_TAGS + WINDOW, WINDOW):
            add(store, key, *numbered(first, first + WINDOW - 1))
        before = store.load(key, VERSION, soon())
        assert before.length == SEEN_TAGS + WINDOW

        # WHEN the oldest and the newest are sent again with the current time THEN they are duplicates
        assert add(store, key, Event("item", "1"), Event("item", str(before.length))).statuses == ("duplicate",) * 2

        # WHEN one more is trimmed THEN only the oldest is forgotten
        add(store, key, event("one more"))
        assert add(store, key, Event("item", "2"), Event("item", "1")).statuses == ("duplicate", "applied")

    def test_a_rotation_of_the_key_secret_makes_no_event_new(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN events, one of them trimmed, that a process with the old secret has stored
        before = SessionKey(key, HASH_KEY)
        add(store, before, *numbered(1, 1))
        add(store, before, *numbered(2, WINDOW + 1))
        # WHEN a process with the new secret repeats them THEN only its own event is new
        after = SessionKey(key, b"another key of hashes", HASH_KEY)
        repeated = Event("item", "1"), Event("item", "2")
        assert add(store, after, *repeated, event("new")).statuses == ("duplicate", "duplicate", "applied")
        # AND a process that knows both, but still uses the old one, finds that one again
        both = SessionKey(key, HASH_KEY, after.hash_key)
        assert add(store, both, event("new")).statuses == ("duplicate",)

    def test_sessions_do_not_touch_each_other(self, store: SessionStore, key: SessionKey) -> None:
        add(store, key, event("a"))
        other = add(store, fresh_key(), event("a"))
        assert other.statuses == ("applied",)
        assert store.load(key, VERSION, soon()).length == 1

    def test_items_of_any_script_and_the_greatest_length_are_kept(self, store: SessionStore, key: SessionKey) -> None:
        items = ("🦊" * 256, "\x00\r\n", "päckchen", "*3\r\n$3\r\nDEL")
        appended = add(store, key, *(Event(item, item) for item in items))
        assert tuple(entry.item_id for entry in appended.session.log) == items

    def test_the_type_of_an_event_is_kept_and_its_id_alone_makes_it_a_repeat(
        self, store: SessionStore, key: SessionKey
    ) -> None:
        # GIVEN an item that was viewed and put in the cart, and the view once more as another type
        events = Event("tea", "1"), Event("tea", "2", type="cart"), Event("tea", "1", type="purchase")
        # WHEN they are appended THEN the third is a repeat of the first, which stays as it was
        appended = add(store, key, *events)
        assert appended.statuses == ("applied", "applied", "duplicate")
        assert [(entry.item_id, entry.type) for entry in appended.session.log] == [("tea", "view"), ("tea", "cart")]
        assert_chained(appended.session.log)

    # differing_executors: each store runs this test; they share no state
    @settings(STEADY, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
    @given(st.sampled_from([0, 3, WINDOW - 2, WINDOW]), st.lists(BATCHES, min_size=1, max_size=4))
    def test_any_batches_give_the_promised_log(
        self, store: SessionStore, before: int, batches: list[tuple[list[tuple[int, int | None]], int]]
    ) -> None:
        # GIVEN a session with some events, and the expected session
        key, expected = fresh_key(), ExpectedLog()
        first: list[tuple[int, int | None]] = [(-number, 2 * number - WINDOW) for number in range(1, before + 1)]
        for batch, clock in ([(first, 0)] if first else []) + batches:
            # WHEN a batch of events with any ids and times is appended
            now = NOW + clock
            events = [event(str(name), None if at is None else NOW + at) for name, at in batch]
            appended = add(store, key, *events, now=now)

            # THEN statuses, log and length are as expected
            assert list(appended.statuses) == [expected.append(event, now) for event in events]
            log = appended.session.log
            kept = [(entry.at, name) for entry, name in zip(log, names(log), strict=True)]
            assert kept == expected.log
            assert appended.session.length == len(expected.seen)
            assert_chained(log[1:], before=log[0].chain)
