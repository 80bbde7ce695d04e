"""An encoder of session logs. The library needs none: `append.lua` writes them."""

from nextitem.sessions.codec import _ENTRY, _LENGTH, LOG_CODEC, _seal
from nextitem.sessions.session import LogEntry


def encode_log(length: int, log: tuple[LogEntry, ...]) -> bytes:
    """Encode a log as `append.lua` does."""
    body = bytearray(_LENGTH.pack(length))
    for entry in log:
        item_id = entry.item_id.encode()
        body += _ENTRY.pack(float(entry.at), len(item_id), entry.tag, entry.chain) + item_id
    return _seal(LOG_CODEC, bytes(body))
