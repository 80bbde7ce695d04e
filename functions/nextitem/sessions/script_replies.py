"""Parsers of the replies to the session store's scripts; see `redis_client.reply_shapes`."""

from collections.abc import Callable
from typing import Any

from nextitem.redis_client.outcomes import UnexpectedReply
from nextitem.redis_client.reply_shapes import optional_bytes
from nextitem.sessions.codec import decode_impression, decode_record
from nextitem.sessions.session import Appended, Status

DELETED = -1
"""The reply of a move's scripts if the session was deleted meanwhile."""

_STATUS: dict[int, Status] = {ord("a"): "applied", ord("d"): "duplicate", ord("l"): "late", ord("o"): "too_old"}


def parse_appended(events: int) -> Callable[[Any], Appended]:
    """Return a parser of append.lua's reply to a number of events."""

    def parse(reply: Any) -> Appended:
        letters, log, snapshot, shown = optional_bytes(4)(reply)
        record = decode_record(log, snapshot)
        if letters is None or len(letters) != events or not _STATUS.keys() >= set(letters):
            raise UnexpectedReply("did not send the status of each event")
        if record is None or not record.log:
            raise UnexpectedReply("sent a log that cannot be decoded")
        return Appended(record, tuple(_STATUS[letter] for letter in letters), decode_impression(shown))

    return parse


def parse_joined(events: int) -> Callable[[Any], Appended | None]:
    """Return a parser of the same script's reply in a move; None if the session was deleted meanwhile."""
    parse = parse_appended(events)
    return lambda reply: None if type(reply) is int and reply == DELETED else parse(reply)


def parse_fields(reply: Any) -> tuple[int, dict[bytes, bytes]]:
    """Parse move_read.lua's reply: the time to live in milliseconds, and the session's fields."""
    match reply:
        case [ttl, [*pairs]] if type(ttl) is int and len(pairs) % 2 == 0 and all(type(part) is bytes for part in pairs):
            return ttl, dict(zip(pairs[::2], pairs[1::2], strict=True))
    raise UnexpectedReply("did not send a session's time to live and its fields in pairs")
