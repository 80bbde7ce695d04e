"""A route, a lake in memory, and shoppers whose sessions end up in it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from model_export.experiments import lifecycle
from model_export.experiments.decide import Bound, Rules
from model_export.experiments.live_sessions import epoch_ms
from model_export.experiments.records import Look, Record, Timing, read_records
from model_export.lake.note import NOTE, Note
from model_export.lake.reader import LakeSessions, SessionWindow
from nextitem.errors import NextItemError
from nextitem.registry.experiment import CHALLENGER, CHAMPION, Kind
from nextitem.registry.route import Route
from tests.nextitem.memory_bucket import MemoryBucket
from tests.nextitem.publishers import TrustingPublisher

A, B, C = (f"v{digit * 16}" for digit in "abc")
START = datetime(2026, 1, 31, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
GUARD = Bound("p99_ms", 150.0)
RULES = Rules(steps=(0.1, 0.5), minimum_sessions=50, planned_sessions=600, guards=(GUARD,))
TIMING = Timing(idle=600, delay=300, settle=30)
ROUTE = "live"


class Measured:
    """`Measurements` that say what a test sets, and note what they were asked for."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self.values = values
        self.fault: NextItemError | None = None
        self.asked: list[tuple[str, datetime, datetime]] = []

    def measured(self, version: str, since: datetime, until: datetime) -> Mapping[str, float]:
        self.asked.append((version, since, until))
        if self.fault is not None:
            raise self.fault
        return self.values


class Scene:
    """A route with a champion, and looks at it.

    Attributes:
        bucket: the registry's.
        measured: what guard rails measure.
        sessions: how many sessions of each arm would end in each window if their shares were equal, and their hit
            rates. The arms divide the sum by the route's shares.
        windows: the windows that were read.
        complete: the hours after the start until which the lake has all events; None: as late as
            `TIMING.delay` allows.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lifecycle, "Publisher", TrustingPublisher)
        monkeypatch.setattr("model_export.experiments.live_sessions.read_ended_sessions", self._read)
        self.bucket = MemoryBucket()
        self.measured = Measured({"p99_ms": 100.0})
        self.sessions: dict[str, tuple[int, float]] = {CHAMPION: (300, 0.5), CHALLENGER: (300, 0.5)}
        self.windows: list[SessionWindow] = []
        self.complete: float | None = None
        self.publisher = TrustingPublisher(self.bucket, ROUTE, lambda: START - HOUR)
        self.publisher.promote(A, Path())
        self.bucket.written.clear()

    def start(self, rules: Rules = RULES, kind: Kind = "canary") -> Record:
        return lifecycle.start_experiment(self.bucket, ROUTE, B, kind, rules, START, by="ann", timing=TIMING)

    def look(self, hours: float) -> Look | None:
        now = START + hours * HOUR
        complete = now - timedelta(seconds=TIMING.delay) if self.complete is None else START + self.complete * HOUR
        lake = NoteOnly(Note(complete_until=epoch_ms(complete)))
        return lifecycle.look_at_route(self.bucket, lake, ROUTE, self.measured, now)

    @property
    def route(self) -> Route:
        route = self.publisher.current()
        assert route is not None
        return route

    @property
    def shares(self) -> dict[str, float]:
        return {variant.version: round(variant.weight, 9) for variant in self.route.variants}

    @property
    def record(self) -> Record:
        return read_records(self.bucket, ROUTE)[-1]

    def _read(self, _lake: object, window: SessionWindow) -> LakeSessions:
        """Return sessions of four events, the last three of which judge answers; they end within the window."""
        self.windows.append(window)
        counts = self._counts()
        parts = [
            (variant, version, session, event)
            for variant, version in ((CHAMPION, A), (CHALLENGER, B))
            for session in range(counts[variant])
            for event in range(4)
        ]
        ended = window.ended_by - window.idle_ms
        width = window.ended_by - window.ended_after

        def column(make: Callable[..., Any], dtype: Any) -> Any:
            return np.array([make(*part) for part in parts], dtype)

        def rank(variant: str, _version: str, session: int, event: int) -> float:
            count, rate = counts[variant], self.sessions[variant][1]
            hits = round(3 * count * rate)  # spread over the sessions
            return float("nan") if event == 0 else 1.0 if (event - 1) * count + session < hits else float("inf")

        return LakeSessions(
            session=column(lambda variant, _v, session, _e: f"{variant}{session}/{ended}", np.str_),
            began=column(lambda *_: ended - min(1_000, width // 2), np.int64),
            last=column(lambda *_: ended, np.int64),
            item_id=column(lambda *_: "item", np.str_),
            type=column(lambda *_: "view", np.str_),
            version=column(lambda _variant, version, *_: version, np.str_),
            variant=column(lambda variant, *_: variant, np.str_),
            occurred_at=column(lambda *_: ended, np.int64),
            rank=column(rank, np.float64),
            clicked=column(lambda *_: False, np.bool_),
            team=column(lambda *_: "", np.str_),
            too_long=0,
        )

    def _counts(self) -> dict[str, int]:
        total = sum(count for count, _ in self.sessions.values())
        challenger = round(total * self.shares.get(B, 0.0))
        return {CHAMPION: total - challenger, CHALLENGER: challenger}


class NoteOnly:
    """A lake whose only file is the collector's note: these looks must not read others."""

    def __init__(self, note: Note) -> None:
        self._note = note

    def keys(self, prefix: str) -> list[str]:
        raise AssertionError(f"a look lists {prefix}, but should read the note only")

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        assert key == NOTE
        path.write_bytes(msgspec.json.encode(self._note))
        return len(path.read_bytes()) <= max_bytes()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)
