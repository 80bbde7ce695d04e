"""An encoder of session logs. The library needs none: `append.lua` writes them."""

from nextitem.sessions.codec import _ENTRY, _LENGTH, LOG_CODEC, _seal, encode_action
from nextitem.sessions.session import LogEntry


def encode_log(length: int, log: tuple[LogEntry, ...]) -> bytes:
    """Encode a log as `append.lua` does."""
    body = bytearray(_LENGTH.pack(length))
    for entry in log:
        action = encode_action(entry.item_id, entry.type)
        body += _ENTRY.pack(float(entry.at), len(action), entry.tag, entry.chain) + action
    return _seal(LOG_CODEC, bytes(body))
