"""How a session's log and snapshots look as bytes. Knows no store; `append.lua` writes the same format.

Log: version byte, 8 hex digits of SHA-1 over the rest, the session's length (u32), then the entries, oldest first:
time in epoch milliseconds (f64), length of the item id in bytes (u16), tag (8), chain (16), item id. Big endian.

Snapshot: version byte, 8 hex digits of SHA-1 over the rest, chain (16), hidden state as float32, little endian: as the
engine made it, to the bit, so that a state that was stored and stepped is the state that a replay gives (decision 5).

Impression: version byte, 8 hex digits of SHA-1 over the rest, chain (16), its other fields as MessagePack.

Whatever does not decode to the byte is unreadable and counts as absent: it is rebuilt, never misread.
"""

import hashlib
import struct

import msgspec
import numpy as np

from nextitem.hidden_state import HiddenState
from nextitem.sessions.session import TAG_BYTES, Impression, LogEntry, SessionRecord, Snapshot

LOG_CODEC = b"1"
SNAPSHOT_CODEC = b"2"
IMPRESSION_CODEC = b"1"
"""Versions of the formats. A reader treats any other as unreadable; the first snapshots were float16."""

CHAIN_BYTES = 16
_VALUE = np.dtype("<f4")
_CHECK = slice(1, 9)
_BODY = 9
_LENGTH = struct.Struct(">I")
_ENTRY = struct.Struct(f">dH{TAG_BYTES}s{CHAIN_BYTES}s")


class Unreadable(ValueError):
    """Bytes that this version of the codec did not write."""


def event_tag(event_id: str) -> bytes:
    """Return the tag that stands for an event id within its session (64 bits of BLAKE2b)."""
    return hashlib.blake2b(event_id.encode(), digest_size=TAG_BYTES).digest()


def next_chain(chain: bytes, tag: bytes, item_id: bytes) -> bytes:
    """Return the chain value after an entry; the chain before a log's first ever entry is empty."""
    return hashlib.sha1(chain + tag + item_id, usedforsecurity=False).hexdigest()[:16].encode()


def recommendation_id(place: str, chain: bytes, version: str, variant: str) -> str:
    """Return the id of the answer that a model version gives to a session as it stands: a retry's answer has the same.

    Args:
        place: the session's own hex digits (`SessionName.digest`).
        chain: the chain value of its log's newest entry.
        version: the model version.
        variant: the variant that it is on the route.
    """
    told = f"{place} {version} {variant} ".encode() + chain
    return hashlib.blake2b(told, digest_size=8).hexdigest()


def encode_log(length: int, log: tuple[LogEntry, ...]) -> bytes:
    """Return a log as bytes, as `append.lua` would write it."""
    body = bytearray(_LENGTH.pack(length))
    for entry in log:
        item_id = entry.item_id.encode()
        body += _ENTRY.pack(float(entry.at), len(item_id), entry.tag, entry.chain) + item_id
    return _sealed(LOG_CODEC, bytes(body))


def decode_log(data: bytes) -> tuple[int, tuple[LogEntry, ...]]:
    """Return a session's length and its log.

    Raises:
        Unreadable: another version, or bytes that were not written by this codec.
    """
    body = _opened(LOG_CODEC, data)
    try:
        (length,) = _LENGTH.unpack_from(body)
        entries: list[LogEntry] = []
        at = _LENGTH.size
        while at < len(body):
            when, size, tag, chain = _ENTRY.unpack_from(body, at)
            at += _ENTRY.size
            item_id = body[at : at + size]
            at += size
            entries.append(LogEntry(int(when), tag, item_id.decode(), chain))
    except (struct.error, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise Unreadable(f"not a session log: {error}") from None
    if at != len(body) or length < len(entries):
        raise Unreadable("not a session log: its lengths contradict each other")
    return length, tuple(entries)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return a snapshot as bytes."""
    return _sealed(SNAPSHOT_CODEC, snapshot.chain + snapshot.hidden.astype(_VALUE, copy=False).tobytes())


def decode_snapshot(data: bytes) -> Snapshot:
    """Return the snapshot.

    Raises:
        Unreadable: another version, or bytes that were not written by this codec.
    """
    body = _opened(SNAPSHOT_CODEC, data)
    values = body[CHAIN_BYTES:]
    if len(body) < CHAIN_BYTES or len(values) % _VALUE.itemsize:
        raise Unreadable("not a snapshot: its length is wrong")
    hidden: HiddenState = np.frombuffer(values, _VALUE).astype(np.float32, copy=False)
    if not np.isfinite(hidden).all():
        raise Unreadable("not a snapshot: its values are not finite")
    return Snapshot(body[:CHAIN_BYTES], hidden)


def encode_impression(impression: Impression) -> bytes:
    """Return an impression as bytes."""
    told = impression.recommendation_id, impression.version, impression.variant, impression.item_ids
    return _sealed(IMPRESSION_CODEC, impression.chain + msgspec.msgpack.encode(told))


def decode_impression(data: bytes | None) -> Impression | None:
    """Return the impression; None where there is none, or none that this version of the codec wrote."""
    try:
        body = _opened(IMPRESSION_CODEC, data or b"")
        told = msgspec.msgpack.decode(body[CHAIN_BYTES:], type=tuple[str, str, str, tuple[str, ...]])
    except (Unreadable, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Impression(body[:CHAIN_BYTES], *told)


def decode_record(log: bytes | None, snapshot: bytes | None) -> SessionRecord | None:
    """Return a session from its stored fields, or None where its log is absent or unreadable."""
    if log is None:
        return None
    try:
        length, entries = decode_log(log)
    except Unreadable:
        return None
    try:
        restored = None if snapshot is None else decode_snapshot(snapshot)
    except Unreadable:
        restored = None
    return SessionRecord(length, entries, restored)


def _sealed(codec: bytes, body: bytes) -> bytes:
    return codec + _checksum(body) + body


def _opened(codec: bytes, data: bytes) -> bytes:
    body = data[_BODY:]
    if data[:1] != codec or data[_CHECK] != _checksum(body):
        raise Unreadable("another codec version, or damaged")
    return body


def _checksum(body: bytes) -> bytes:
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()[:8].encode()
