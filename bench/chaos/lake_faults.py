"""Faults of the event lake: its collector dies at any moment, S3 loses its writes, streams overflow."""

import time

from bench.chaos.lake import BUCKETS
from bench.chaos.server_faults import LONG_FAULT_SECONDS, REPEAT_SECONDS, wait
from bench.chaos.targets import Target, require
from bench.common.lossy_proxy import Reply
from model_export.simulator.chance import Chance
from nextitem.sessions.event_stream import stream_key

MAX_LIFE_SECONDS = 0.4
"""Of a collector that is killed; the first file comes after some 30 ms, a whole run takes some 300 ms."""
OVERFLOW_ENTRIES = 3
"""Entries that an overflowing stream keeps."""
BUSY = Reply(503, b"<Error><Code>SlowDown</Code></Error>")
BROKEN = Reply(500, b"<Error><Code>InternalError</Code></Error>")
MANY = 1_000_000


def kill_collector_repeatedly(target: Target) -> None:
    """Kill the collector after random times and start it again, repeatedly."""
    lake, chance = require(target.lake), Chance("kill", "collector")
    until = time.monotonic() + LONG_FAULT_SECONDS
    while time.monotonic() < until:
        wait(chance.part() * MAX_LIFE_SECONDS)
        lake.kill()
        lake.start()


def lose_writes_to_the_lake(target: Target) -> None:
    """Lose requests and answers of the collector's writes, then refuse them, then lose all its requests."""
    proxy = require(target.lake).proxy
    for fault in ("lose answer", "lose request", BUSY, BROKEN):
        proxy.fail(fault, lambda method, path, _: method == "PUT" and "/lake" in path, MANY)
        wait()
        proxy.left = 0
        wait(REPEAT_SECONDS)
    proxy.fail("lose answer", lambda _method, _path, _body: True, MANY)
    wait()
    proxy.left = 0


def lose_answers_while_collectors_die(target: Target) -> None:
    """Lose the answer to each write, so that the collector does not know its file is there, and kill the collector."""
    require(target.lake).proxy.fail("lose answer", lambda method, _path, _body: method == "PUT", MANY)
    kill_collector_repeatedly(target)
    require(target.lake).proxy.left = 0


def overflow_streams(target: Target) -> None:
    """Trim the streams while the collector hangs, as a full stream trims itself."""
    with require(target.lake).paused():
        for _ in range(3):
            wait()
            for bucket in range(BUCKETS):
                require(target.server).ask("XTRIM", stream_key(bucket), "MAXLEN", "=", OVERFLOW_ENTRIES)
