"""Where a replay starts, and what a session's key tells of its id."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import EMPTY, LogEntry, SessionRecord, Snapshot, session_key
from tests.nextitem.parts import STEADY

HIDDEN = np.ones(8, np.float32)


def log_of(items: str) -> tuple[LogEntry, ...]:
    """A log of one-letter items."""
    entries: list[LogEntry] = []
    chain = b""
    for at, item in enumerate(items):
        chain = next_chain(chain, event_tag(str(at)), item.encode())
        entries.append(LogEntry(at, event_tag(str(at)), item, chain))
    return tuple(entries)


@pytest.mark.parametrize(("end", "pending"), [(0, "bcd"), (2, "d"), (3, "")])
def test_a_replay_starts_after_the_snapshot(end: int, pending: str) -> None:
    # GIVEN a log and a snapshot that stands for the log up to an entry
    log = log_of("abcd")
    record = SessionRecord(4, log, Snapshot(log[end].chain, HIDDEN))

    # THEN what comes after that entry is to be stepped from it
    hidden, entries = record.replay_from()
    assert hidden is HIDDEN
    assert "".join(entry.item_id for entry in entries) == pending


@pytest.mark.parametrize("chain", [log_of("axcd")[3].chain, log_of("abcde")[4].chain, b"", b"0" * 16])
def test_a_snapshot_of_another_past_starts_nothing(chain: bytes) -> None:
    log = log_of("abcd")
    assert SessionRecord(4, log, Snapshot(chain, HIDDEN)).replay_from() == (None, log)


def test_without_a_snapshot_the_whole_log_is_replayed() -> None:
    log = log_of("ab")
    assert SessionRecord(2, log, None).replay_from() == (None, log)
    assert EMPTY.replay_from() == (None, ())


IDS = st.text(min_size=1, max_size=256)
SECRETS = st.binary(min_size=16, max_size=64)


@STEADY
@given(SECRETS, IDS)
def test_a_key_is_stable_and_holds_no_id(secret: bytes, session_id: str) -> None:
    key = session_key(secret, session_id)
    assert key == session_key(secret, session_id)
    prefix, digest = key.split(":")
    assert prefix == "nextitem"
    assert len(bytes.fromhex(digest)) == 16


@STEADY
@given(SECRETS, IDS, IDS)
def test_sessions_have_keys_of_their_own(secret: bytes, one: str, other: str) -> None:
    assume(one != other)
    assert session_key(secret, one) != session_key(secret, other)


@STEADY
@given(st.integers(0, 2**128), st.integers(0, 2**128), IDS)
def test_another_secret_gives_another_key(one: int, other: int, session_id: str) -> None:
    assume(one != other)
    assert session_key(one.to_bytes(17), session_id) != session_key(other.to_bytes(17), session_id)


def test_the_key_is_the_hmac_that_it_was() -> None:
    # A change of this value would orphan every stored session.
    assert session_key(b"0123456789abcdef", "me") == "nextitem:7542bba5fe0cf06830a23838b429abd6"
