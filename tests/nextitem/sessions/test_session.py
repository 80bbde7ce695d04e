"""The hidden state from which a replay starts, and the events that it steps."""

import numpy as np
import pytest

from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import EMPTY, LogEntry, SessionRecord, Snapshot
from tests.nextitem.parts import HASH_KEY

HIDDEN = np.ones(8, np.float32)


def log_of(items: str) -> tuple[LogEntry, ...]:
    """A log of one-letter items."""
    entries: list[LogEntry] = []
    chain = b""
    for at, item in enumerate(items):
        chain = next_chain(chain, event_tag(HASH_KEY, str(at)), item)
        entries.append(LogEntry(at, event_tag(HASH_KEY, str(at)), item, chain))
    return tuple(entries)


@pytest.mark.parametrize(("end", "pending"), [(0, "bcd"), (2, "d"), (3, "")])
def test_a_replay_starts_after_the_snapshot(end: int, pending: str) -> None:
    log = log_of("abcd")
    hidden, entries = SessionRecord(4, log, Snapshot(log[end].chain, HIDDEN)).replay_from()
    assert hidden is HIDDEN
    assert "".join(entry.item_id for entry in entries) == pending


@pytest.mark.parametrize("chain", [log_of("axcd")[3].chain, log_of("abcde")[4].chain, b"", b"0" * 16])
def test_a_snapshot_of_another_past_is_not_used(chain: bytes) -> None:
    log = log_of("abcd")
    assert SessionRecord(4, log, Snapshot(chain, HIDDEN)).replay_from() == (None, log)


def test_without_a_snapshot_the_whole_log_is_replayed() -> None:
    log = log_of("ab")
    assert SessionRecord(2, log, None).replay_from() == (None, log)
    assert EMPTY.replay_from() == (None, ())
