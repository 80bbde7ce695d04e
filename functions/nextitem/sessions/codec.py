"""Decode a session's log; encode and decode its snapshots and impression. `append.lua` encodes the log.

Each begins with a version byte and 8 hex digits of the SHA-1 of the rest:

- Log: the session's length (u32), then the entries, oldest first: time in epoch milliseconds (f64), length of the
  action in bytes (u16), tag (8), chain value (16), action. Big endian. An action is the length of the event's type (u8,
  0 for a view), the type, and the item id.
- Snapshot: chain value (16), hidden state as little-endian float32: exactly the engine's bits, so a state that was
  stored and stepped equals the state of a replay (decision 5).
- Impression: chain value (16), the other fields as MessagePack.

Bytes that do not decode completely count as absent: the data is rebuilt, never misread.
"""

import hashlib
import struct

import msgspec
import numpy as np

from nextitem.event_types import VIEW
from nextitem.hidden_state import HiddenState
from nextitem.sessions.session import TAG_BYTES, Impression, LogEntry, SessionKey, SessionRecord, Snapshot

LOG_CODEC = b"2"
SNAPSHOT_CODEC = b"2"
IMPRESSION_CODEC = b"3"
"""Versions of the formats. Any other version is unreadable."""

CHAIN_BYTES = 16
_PLACED = "-"
_ImpressionFields = tuple[str, str, str, tuple[str, ...], str | None, str]
_VALUE = np.dtype("<f4")
_CHECK = slice(1, 9)
_BODY = 9
_LENGTH = struct.Struct(">I")
_ENTRY = struct.Struct(f">dH{TAG_BYTES}s{CHAIN_BYTES}s")


class Unreadable(ValueError):
    """The bytes were not written by this version of the codec."""


def event_tag(hash_key: bytes, event_id: str) -> bytes:
    """Return the tag of an event: 64 bits of its event id's BLAKE2b with the session's key of hashes."""
    return hashlib.blake2b(event_id.encode(), digest_size=TAG_BYTES, key=hash_key).digest()


def event_tags(key: SessionKey, event_id: str) -> bytes:
    """Return the tag of an event, and the tag that it has if another process stored it before or after a rotation."""
    old = b"" if key.old_hash_key is None else event_tag(key.old_hash_key, event_id)
    return event_tag(key.hash_key, event_id) + old


def encode_action(item_id: str, event_type: str) -> bytes:
    """Encode what happened in an event: its type and its item."""
    kind = b"" if event_type == VIEW else event_type.encode()
    return bytes((len(kind),)) + kind + item_id.encode()


def next_chain(chain: bytes, tag: bytes, item_id: str, event_type: str = VIEW) -> bytes:
    """Return the chain value after an entry; the one before a session's first entry is empty."""
    entry = tag + encode_action(item_id, event_type)
    return hashlib.sha1(chain + entry, usedforsecurity=False).hexdigest()[:16].encode()


def recommendation_id(hash_key: bytes, chain: bytes, version: str, variant: str, placement: str | None = None) -> str:
    """Return the id of an answer. A repeated request has the same id, because the session is unchanged.

    Args:
        hash_key: the session's key of hashes.
        chain: the chain value of the log's newest entry.
        version: the model version.
        variant: its variant on the route.
        placement: the request's; the id then ends in it.
    """
    end = "" if placement is None else f"{_PLACED}{placement}"
    parts = f"{version} {variant} ".encode() + chain + end.encode()
    return hashlib.blake2b(parts, digest_size=8, key=hash_key, person=b"answer").hexdigest() + end


def placement_of(answer_id: str) -> str | None:
    """Return the placement that the id of an answer ends in; None if it has none."""
    _, placed, placement = answer_id.partition(_PLACED)
    return placement if placed else None


def decode_log(data: bytes) -> tuple[int, tuple[LogEntry, ...]]:
    """Decode a session's length and log.

    Raises:
        Unreadable: the bytes are damaged, or another codec version wrote them.
    """
    body = _open(LOG_CODEC, data)
    try:
        (length,) = _LENGTH.unpack_from(body)
        entries: list[LogEntry] = []
        at = _LENGTH.size
        while at < len(body):
            time, size, tag, chain = _ENTRY.unpack_from(body, at)
            at += _ENTRY.size
            item_at = at + 1 + body[at]
            event_type = body[at + 1 : item_at].decode() or VIEW
            at += size
            if item_at > at:
                raise Unreadable("not a session log: a type is longer than its action")
            entries.append(LogEntry(int(time), tag, body[item_at:at].decode(), chain, event_type))
    except (struct.error, IndexError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise Unreadable(f"not a session log: {error}") from None
    if at != len(body) or length < len(entries):
        raise Unreadable("not a session log: its lengths contradict each other")
    return length, tuple(entries)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Encode a snapshot."""
    return _seal(SNAPSHOT_CODEC, snapshot.chain + snapshot.hidden.astype(_VALUE, copy=False).tobytes())


def decode_snapshot(data: bytes) -> Snapshot:
    """Decode a snapshot.

    Raises:
        Unreadable: the bytes are damaged, or another codec version wrote them.
    """
    body = _open(SNAPSHOT_CODEC, data)
    values = body[CHAIN_BYTES:]
    if len(body) < CHAIN_BYTES or len(values) % _VALUE.itemsize:
        raise Unreadable("not a snapshot: its length is wrong")
    hidden: HiddenState = np.frombuffer(values, _VALUE).astype(np.float32, copy=False)
    if not np.isfinite(hidden).all():
        raise Unreadable("not a snapshot: its values are not finite")
    return Snapshot(body[:CHAIN_BYTES], hidden)


def encode_impression(impression: Impression) -> bytes:
    """Encode an impression."""
    answered = impression.recommendation_id, impression.version, impression.variant
    fields = *answered, impression.item_ids, impression.placement, impression.teams
    return _seal(IMPRESSION_CODEC, impression.chain + msgspec.msgpack.encode(fields))


def decode_impression(data: bytes | None) -> Impression | None:
    """Decode an impression; return None if there is none or it is unreadable."""
    try:
        body = _open(IMPRESSION_CODEC, data or b"")
        fields = msgspec.msgpack.decode(body[CHAIN_BYTES:], type=_ImpressionFields)
    except (Unreadable, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Impression(body[:CHAIN_BYTES], *fields)


def decode_record(log: bytes | None, snapshot: bytes | None) -> SessionRecord | None:
    """Decode a session from its stored fields; return None if its log is absent or unreadable."""
    if log is None:
        return None
    try:
        length, entries = decode_log(log)
    except Unreadable:
        return None
    try:
        decoded = None if snapshot is None else decode_snapshot(snapshot)
    except Unreadable:
        decoded = None
    return SessionRecord(length, entries, decoded)


def _seal(codec: bytes, body: bytes) -> bytes:
    return codec + _checksum(body) + body


def _open(codec: bytes, data: bytes) -> bytes:
    body = data[_BODY:]
    if data[:1] != codec or data[_CHECK] != _checksum(body):
        raise Unreadable("written by another version of the codec, or damaged")
    return body


def _checksum(body: bytes) -> bytes:
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()[:8].encode()
