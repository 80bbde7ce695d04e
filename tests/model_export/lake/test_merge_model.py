"""Collectors and compactions that interleave and die at any operation leave each event in the lake once, always.

Files are in JSON here, so that an example takes milliseconds. `test_merge` has real ones.
"""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.data.merged_files import is_merged
from model_export.lake.collector import MergedFiles, collect
from model_export.lake.compaction import DAY_MS, compact
from model_export.lake.parquet import Contents
from model_export.lake.records import DELETIONS, EVENTS, HOUR_MS, Entry, folder_of
from nextitem.errors import RegistryUnavailable
from nextitem.sessions.event_stream import encode_source
from tests.model_export.lake.json_files import files_in_json, parse
from tests.model_export.lake.memory_lake import MemoryLake
from tests.nextitem.parts import STEADY

START = 490_000 * HOUR_MS
NOW = START + 6 * HOUR_MS
"""Two hours of events are complete, and deletions are less than a day old."""
BATCH = 3
RETENTION_DAYS = 30


class ModelStreams:
    """The `Streams` of a server, as `valkey_streams` implements them, for streams that are never trimmed unread."""

    batch = BATCH

    def __init__(self) -> None:
        self.entries: dict[int, list[Entry]] = {0: [], 1: []}
        self.waiting: dict[int, list[Entry]] = {0: [], 1: []}
        self.begun: dict[int, str] = {}

    def read(self, bucket: int) -> tuple[str, Sequence[Entry]] | None:
        entries = self.entries[bucket][:BATCH]
        if entries:
            self.begun.setdefault(bucket, entries[0][0])
        return (self.begun[bucket], entries) if bucket in self.begun else None

    def finish(self, bucket: int, begun: str, contents: Contents) -> None:
        if self.begun.get(bucket) == begun:
            self.entries[bucket] = [entry for entry in self.entries[bucket] if order(entry[0]) > order(contents.last)]
            del self.begun[bucket]

    def tombstones(self, bucket: int) -> Sequence[Entry]:
        return tuple(self.waiting[bucket])

    def finish_tombstones(self, bucket: int, last: str) -> int:
        left = [entry for entry in self.waiting[bucket] if order(entry[0]) > order(last)]
        removed, self.waiting[bucket] = len(self.waiting[bucket]) - len(left), left
        return removed

    def now(self, bucket: int) -> int:
        assert bucket in self.entries
        return NOW

    def lost(self, bucket: int) -> int:
        assert bucket in self.entries
        return 0


def order(entry_id: str) -> tuple[int, int]:
    at, _, number = entry_id.partition("-")
    return int(at), int(number)


class Crash(Exception):
    """The program dies."""


class Program(threading.Thread):
    """A program that does one operation on the lake or the streams at each `advance`."""

    def __init__(self, work: Callable[["Program"], object]) -> None:
        super().__init__(daemon=True)
        self._work, self._dies = work, False
        self._may_go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self.fault: BaseException | None = None
        self.start()
        self._stands.acquire()

    def run(self) -> None:
        try:
            self.stand("", "")
            self._work(self)
        except (Crash, RegistryUnavailable):
            pass
        except BaseException as fault:  # noqa: BLE001 - the test raises it
            self.fault = fault
        self._dies = True
        self._stands.release()

    def stand(self, _operation: str, _key: str) -> None:
        """Wait until the next operation may be done."""
        if not self._dies:
            self._stands.release()
            self._may_go.acquire()
        if self._dies:
            raise Crash

    def advance(self, *, dies: bool = False) -> bool:
        """Do an operation, or die before it; return whether there may be more."""
        if self._dies:
            return False
        self._dies = dies
        self._may_go.release()
        self._stands.acquire()
        if self.fault is not None:
            raise self.fault
        return not self._dies


class StandingStreams:
    """Streams as a program sees them."""

    batch = BATCH

    def __init__(self, streams: ModelStreams, program: Program) -> None:
        self._streams, self._program = streams, program

    def read(self, bucket: int) -> tuple[str, Sequence[Entry]] | None:
        self._program.stand("", "")
        return self._streams.read(bucket)

    def finish(self, bucket: int, begun: str, contents: Contents) -> None:
        self._program.stand("", "")
        self._streams.finish(bucket, begun, contents)

    def tombstones(self, bucket: int) -> Sequence[Entry]:
        self._program.stand("", "")
        return self._streams.tombstones(bucket)

    def finish_tombstones(self, bucket: int, last: str) -> int:
        self._program.stand("", "")
        return self._streams.finish_tombstones(bucket, last)

    def now(self, bucket: int) -> int:
        return self._streams.now(bucket)

    def lost(self, bucket: int) -> int:
        return self._streams.lost(bucket)


class World:
    """Streams, a lake, programs that work on them, and the plain set of events."""

    def __init__(self) -> None:
        self.streams, self.lake = ModelStreams(), MemoryLake()
        self.programs: list[Program] = []
        self.events: dict[str, str] = {}
        self.deleted: set[str] = set()
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program in self.programs:
            program.advance(dies=True)
            program.join()

    def add(self, bucket: int, session: str) -> None:
        """Add an event, unless its session was deleted."""
        if session not in self.deleted:
            item = f"item {next(self._numbers)}"
            self.events[item] = session
            action = bytes([0]) + item.encode()
            fields = {b"s": b"a", b"t": b"1", b"e": b"\1", b"a": action, b"k": b"0"}
            fields |= {b"c": encode_source(session, None)} | dict.fromkeys([b"r", b"v", b"w", b"p", b"g"], b"")
            self.streams.entries[bucket].append((self._next_id(), fields))

    def delete(self, bucket: int, session: str) -> None:
        self.deleted.add(session)
        self.streams.waiting[bucket].append((self._next_id(), {b"s": session.encode()}))

    def _next_id(self) -> str:
        number = next(self._numbers)
        return f"{START + min(number * HOUR_MS // 12, 2 * HOUR_MS - 1)}-{number}"

    def start(self, what: str, bucket: int) -> None:
        def work(program: Program) -> object:
            lake = self.lake.seen_by(program.stand)
            if what == "compact":
                return compact(lake, NOW, RETENTION_DAYS)
            return collect(StandingStreams(self.streams, program), lake, bucket, MergedFiles(lake, lambda: NOW))

        self.programs.append(Program(work))

    def visible(self) -> Counter[str]:
        """Return how often readers see each event."""
        files = {key: parse(data) for key, data in self.lake.objects.items() if key.startswith(EVENTS)}
        named = {f"{folder_of(key)}{name}" for key, file in files.items() for name in file.sources}
        return Counter(row.item_id for key, file in files.items() if key not in named for row in file.rows)

    def check(self) -> None:
        """Check that each event waits in a stream, or is seen once. Those of deleted sessions may be gone."""
        visible = self.visible()
        assert not visible or max(visible.values()) == 1
        waiting = {entry[1][b"a"][1:].decode() for part in self.streams.entries.values() for entry in part}
        for item, session in self.events.items():
            assert item in visible or item in waiting or session in self.deleted, item


SESSIONS = st.sampled_from(["a", "b", "c", "d"])
BUCKETS = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("add"), BUCKETS, SESSIONS),
    st.tuples(st.sampled_from(["collect", "compact"]), BUCKETS, st.integers(0, 12) | st.just(99)),
    st.tuples(st.just("advance"), st.integers(0, 5), st.integers(1, 12)),
    st.tuples(st.just("die"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("delete"), BUCKETS, SESSIONS),
)


@pytest.mark.slow
@settings(STEADY, max_examples=40)
@given(st.lists(STEPS, min_size=10, max_size=40), st.randoms(use_true_random=False))
def test_each_event_is_seen_once_at_every_moment(
    steps: list[tuple[str, int, str | int]], chance: random.Random
) -> None:
    with files_in_json(), World() as world:
        # GIVEN collectors and compactions that stand between any two operations, die, or go on much later
        for step, number, detail in steps:
            if step == "add":
                world.add(number, str(detail))
            elif step == "delete":
                world.delete(number, str(detail))
            elif step in {"collect", "compact"}:
                world.start(step, number)
                for _ in range(int(detail)):
                    world.programs[-1].advance()
                    world.check()
            elif number < len(world.programs):
                # WHEN one of them goes on, THEN no event is missing, and none is seen twice
                for _ in range(int(detail) or 1):
                    world.programs[number].advance(dies=step == "die")
                    world.check()
        # AND the others end in any order
        while world.programs:
            program = chance.choice(world.programs)
            if not program.advance():
                world.programs.remove(program)
            world.check()
        # AND after a run of each that nothing interrupts, the lake has the events, in one file or in merged ones
        for bucket in (0, 1):
            collect(world.streams, world.lake, bucket, MergedFiles(world.lake, lambda: NOW))
        compact(world.lake, NOW, RETENTION_DAYS)
        assert world.visible() == Counter(item for item, name in world.events.items() if name not in world.deleted)
        hours: dict[str, list[str]] = {}
        for key in world.lake.keys(EVENTS):
            hours.setdefault(folder_of(key), []).append(key)
        assert all(len(keys) == 1 or all(map(is_merged, keys)) for keys in hours.values())
        # AND no file has an event of a deleted session, nor any object its name two days later
        rows = [row for key in world.lake.keys(EVENTS) for row in parse(world.lake.objects[key]).rows]
        assert not world.deleted.intersection(row.session for row in rows)
        compact(world.lake, NOW + 2 * DAY_MS, RETENTION_DAYS)
        assert world.lake.keys(DELETIONS) == []


@pytest.mark.parametrize("operations", range(7))
def test_a_collector_that_died_days_ago_leaves_its_entries_in_the_lake_once(operations: int) -> None:
    with files_in_json(), World() as world:
        # GIVEN a collector that dies after some operations, with a file whose entries wait in the stream
        world.add(0, "a")
        world.add(1, "b")
        world.start("collect", 0)
        for _ in range(operations):
            world.programs[0].advance()
        world.programs[0].advance(dies=True)
        # WHEN its file is merged with others, and the next collector finds more entries
        collect(world.streams, world.lake, 1, MergedFiles(world.lake, lambda: NOW))
        compact(world.lake, NOW, RETENTION_DAYS)
        world.add(0, "c")
        collect(world.streams, world.lake, 0, MergedFiles(world.lake, lambda: NOW))
        # THEN each is there once
        assert world.visible() == Counter(list(world.events))
