"""Streams that take events from the session store to the event lake: their keys, and their entries (decision 37).

Each bucket of sessions has a stream in the same slot. `append.lua` adds each event that it adds to a log, in the step
that changes the session. An entry's fields have names of one letter, because each entry repeats them:

- `s`: `a` for an event that was applied, `l` for a late one
- `c`: the source, MessagePack of the session's pseudonym and the version and variant that answer it now
- `t`, `e`, `a`: the event's time, tag and action, as in the log
- `r`: the rank of its item in the answer before it, 0 if that did not hold it, empty if the event judges no answer
- `k`: 1 if it names that answer and its item, else 0
- `v`, `w`, `p`: version, variant and placement of that answer, empty if the event judges none
- `g`: the team that drafted the item in that answer (`session.CHAMPION_TEAM` and its neighbours); empty without one

A second stream of the bucket has the tombstones: `delete.lua` adds one, `s` the session's pseudonym, in the step that
deletes the session. No tombstone is ever trimmed: where too many wait, the DELETE is refused.
"""

import msgspec

from nextitem.sessions.session import Answerer, SessionKey

STREAM_ENTRIES = 10_000
"""Approximate maximum of a stream. Beyond it the oldest entries are trimmed, and the lake counts them as lost."""
TOMBSTONES = 10_000
"""Maximum of the tombstones that wait in a bucket."""


def bucket_tag(bucket: int) -> str:
    """Return the hash tag of a bucket, which chooses the slot of its sessions and of its stream."""
    return f"{{b{bucket}}}"


def stream_key(bucket: int) -> str:
    """Return the key of a bucket's stream."""
    return f"nextitem:{bucket_tag(bucket)}lake"


def stream_of(key: SessionKey) -> str:
    """Return the key of the stream of a session whose key has a hash tag."""
    return f"{key[: key.index('}') + 1]}lake"


def tombstones_key(bucket: int) -> str:
    """Return the key of a bucket's tombstones."""
    return f"{stream_key(bucket)}-tombstones"


def tombstones_of(key: SessionKey) -> str:
    """Return the key of the tombstones for a session whose key has a hash tag."""
    return f"{stream_of(key)}-tombstones"


def encode_source(pseudonym: str, answerer: Answerer | None) -> bytes:
    """Encode the source of a request's entries."""
    version, variant = ("", "") if answerer is None else (answerer.version, answerer.variant)
    return msgspec.msgpack.encode((pseudonym, version, variant))
