"""The `Streams` on Redis or Valkey. Beside a stream, in its slot, are its tombstones and a hash: the collector's state.

- `begun`: the entry at which the file begins that is being written
- `removed`: how many entries the stream has lost from its front, after the last file
- `lost`: how many of them are in no file
"""

from collections.abc import Sequence
from typing import Any

from model_export.lake.parquet import Contents
from model_export.lake.records import Entry
from nextitem.deadline import Deadline
from nextitem.redis_client.command import execute
from nextitem.redis_client.outcomes import UnexpectedReply
from nextitem.redis_client.reply_shapes import one_of
from nextitem.redis_client.topology import topology_of
from nextitem.redis_client.url import StoreUrl
from nextitem.sessions.event_stream import TOMBSTONES, stream_key, tombstones_key

BATCH = 5_000
"""Maximum entries of a file."""
SECONDS = 10.0
"""Limit of each call."""

_READ = b"""
local entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])
if #entries == 0 and redis.call('HEXISTS', KEYS[2], 'begun') == 0 then return {'', entries} end
if #entries > 0 then redis.call('HSETNX', KEYS[2], 'begun', entries[1][1]) end
return {redis.call('HGET', KEYS[2], 'begun'), entries}
"""
_REMOVED = b"""
local function removed_since_the_last_file()
  local info, removed = {}, 0
  if redis.call('EXISTS', KEYS[1]) == 1 then
    local pairs = redis.call('XINFO', 'STREAM', KEYS[1])
    for at = 1, #pairs, 2 do info[pairs[at]] = pairs[at + 1] end
    removed = info['entries-added'] - info['length']
  end
  return removed - tonumber(redis.call('HGET', KEYS[2], 'removed') or 0), removed
end
"""
_FINISH = b"""
if redis.call('HGET', KEYS[2], 'begun') ~= ARGV[1] then return 0 end
redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
local since, removed = removed_since_the_last_file()
redis.call('HINCRBY', KEYS[2], 'lost', math.max(since - tonumber(ARGV[3]), 0))
redis.call('HSET', KEYS[2], 'removed', removed)
redis.call('HDEL', KEYS[2], 'begun')
return 1
"""
_FINISH_TOMBSTONES = b"""
local removed = redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[1])
return removed + redis.call('XDEL', KEYS[1], ARGV[1])
"""
_LOST = b"""
local lost = tonumber(redis.call('HGET', KEYS[2], 'lost') or 0)
if redis.call('HEXISTS', KEYS[2], 'begun') == 1 then return lost end
return lost + math.max((removed_since_the_last_file()), 0)
"""
"""Entries that were trimmed since the last file count, too, unless a file that may hold them is being written."""


_TIME = b"""
local time = redis.call('TIME')
return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
"""


class ValkeyStreams:
    """The streams of a store.

    Args:
        url: where the server or servers are.
        region: the AWS region, where the URL asks for IAM authentication.
        batch: maximum entries of a file.
    """

    def __init__(self, url: StoreUrl, region: str = "", batch: int = BATCH) -> None:
        self._topology, self.batch = topology_of(url, region, SECONDS), batch

    def read(self, bucket: int) -> tuple[str, Sequence[Entry]] | None:
        """See `Streams.read`."""
        begun, entries = self._eval(bucket, _parse_batch, _READ, self.batch)
        return (begun, entries) if begun else None

    def finish(self, bucket: int, begun: str, contents: Contents) -> None:
        """See `Streams.finish`."""
        self._eval(bucket, one_of(0, 1), _REMOVED + _FINISH, begun, contents.last, contents.entries)

    def tombstones(self, bucket: int) -> Sequence[Entry]:
        """See `Streams.tombstones`."""
        key = tombstones_key(bucket)
        return list(self._execute(key, _parse_entries, "XRANGE", key, "-", "+", "COUNT", TOMBSTONES))

    def finish_tombstones(self, bucket: int, last: str) -> int:
        """See `Streams.finish_tombstones`."""
        key = tombstones_key(bucket)
        return int(self._execute(key, _parse_count, "EVAL", _FINISH_TOMBSTONES, 1, key, last))

    def now(self, bucket: int) -> int:
        """See `Streams.now`."""
        return int(self._eval(bucket, _parse_count, _TIME))

    def lost(self, bucket: int) -> int:
        """See `Streams.lost`."""
        return int(self._eval(bucket, _parse_count, _REMOVED + _LOST))

    def close(self) -> None:
        """Close every connection."""
        self._topology.close()

    def _eval(self, bucket: int, parse: Any, script: bytes, *args: str | int) -> Any:
        key = stream_key(bucket)
        return self._execute(key, parse, "EVAL", script, 2, key, _state_key(bucket), *args)

    def _execute(self, key: str, parse: Any, *command: str | bytes | int) -> Any:
        return execute(self._topology, key, Deadline.after(SECONDS), parse, *command)


def _state_key(bucket: int) -> str:
    return f"{stream_key(bucket)}-state"


def _parse_batch(reply: Any) -> tuple[str, list[Entry]]:
    match reply:
        case [bytes(begun), entries]:
            return begun.decode(), _parse_entries(entries)
    raise UnexpectedReply("did not send entries of a stream")


def _parse_entries(reply: Any) -> list[Entry]:
    try:
        return [(entry_id.decode(), dict(zip(fields[::2], fields[1::2], strict=True))) for entry_id, fields in reply]
    except (AttributeError, TypeError, ValueError):
        raise UnexpectedReply("sent entries of another form") from None


def _parse_count(reply: Any) -> int:
    if type(reply) is not int or reply < 0:
        raise UnexpectedReply("did not send a count")
    return reply
