"""The operations that AWS runs on schedules, run here again and again: drift, retraining, canary, looks.

Each is the real one of `model_export`. A page of drift starts a retraining; a version that passes its gate becomes a
canary; looks decide. That is the state machine of the template, and there is nothing else here that acts.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.drill.command import Command
from bench.drill.settings import DRIFT_SECONDS, LOOK_SECONDS, ROUTE, TIMING, Size
from bench.drill.versions import outcome, retraining
from devstack.stack import Stack
from model_export.drift.report import DriftReport
from model_export.drift.route import measure_route, write_report
from model_export.experiments.lifecycle import look_at_route, running, start_experiment
from model_export.experiments.measurements import LoggedMeasurements
from model_export.experiments.records import Look, Record
from model_export.lake.events import LakeFiles
from model_export.lake.records import EVENTS
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.aws.object_store import ObjectReader
from nextitem.registry.publisher import Publisher
from nextitem.registry.verdicts import Override

PAGE = "failing"
"""The level of drift that pages."""
CANARY_STEPS = (0.2, 0.5)
"""Shares of a canary: a shop has more sessions, and begins with 5 %."""
RETRAINED_DAYS = 2
"""Of the lake: without the history, but also a little after midnight."""


class FetchedLake:
    """The lake's files, each downloaded once: nothing compacts the lake of a drill, so that no file of events changes.

    Args:
        bucket: has the lake.
        folder: keeps the files.
    """

    def __init__(self, bucket: ObjectReader, folder: Path) -> None:
        self._bucket, self._folder = bucket, folder

    def keys(self, prefix: str) -> list[str]:
        """See `LakeFiles.keys`."""
        return self._bucket.keys(prefix)

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        """See `LakeFiles.download`."""
        if not key.startswith(EVENTS):  # the collector's note changes with each run
            return self._bucket.download(key, path, max_bytes)
        kept = self._folder / key.replace("/", "_")
        if not kept.exists() and not self._bucket.download(key, kept, max_bytes):
            return False
        shutil.copyfile(kept, path)
        return True


@dataclass
class Operations:
    """The operations of a stack.

    Args:
        stack: the running stack, with a lake.
        bucket: its bucket.
        lake: the files of its lake.
        size: of the drill.
        say: tells people what happens.

    Attributes:
        drift: the last report.
        paged_at: when drift paged first, in monotonic seconds; None if it did not since `forget`.
        verdict: of the last retraining that ended.
        looks: the looks since `forget`.
    """

    stack: Stack
    bucket: BotoObjectStore
    lake: LakeFiles
    size: Size
    say: Callable[[str], None]
    drift: DriftReport | None = None
    paged_at: float | None = None
    verdict: dict[str, Any] | None = None
    looks: list[Look] = field(default_factory=list)
    _drift_due: float = 0.0
    _look_due: float = 0.0
    _retraining: Command | None = None

    def forget(self) -> None:
        """Begin another act: nothing has happened in it. The next measurement of drift has a whole window of it."""
        self.paged_at, self.verdict, self.looks = None, None, []
        self._drift_due = time.monotonic() + self.size.window_seconds

    def tick(self) -> None:
        """Run what is due.

        Raises:
            NextItemError: a part of the loop failed.
            CommandFailed: the retraining failed.
        """
        if self._retraining is not None and self._retraining.poll() is not None:
            self._end_retraining(self._retraining)
        if time.monotonic() >= self._drift_due:
            self.measure_drift()
            self._drift_due = time.monotonic() + DRIFT_SECONDS
        if time.monotonic() >= self._look_due and self.record is not None:
            self.look()
            self._look_due = time.monotonic() + LOOK_SECONDS

    def measure_drift(self) -> DriftReport:
        """Measure drift; a page starts a retraining, unless one or an experiment is under way."""
        now = self._collected()
        with TemporaryDirectory() as folder:
            report = measure_route(self.bucket, self.lake, ROUTE, now, Path(folder), self.size.window)
        write_report(self.bucket, report)
        if self.drift is None or (report.level, report.version) != (self.drift.level, self.drift.version):
            rates = [f"hit rate {rate.value:.2f}" for rate in report.hit_rates if rate.version == report.version]
            self.say("; ".join((f"drift of {report.version}: {report.level}", *rates, *report.reasons)))
        self.drift = report
        if report.level == PAGE:
            self.paged_at = self.paged_at or time.monotonic()
            if self._retraining is None and self.record is None:
                self.say("drift pages: the retraining starts")
                self._retraining = retraining(self.stack, self.size, days=RETRAINED_DAYS)
        return report

    def look(self) -> Look | None:
        """Look at the experiment."""
        now = self._collected()
        look = look_at_route(self.bucket, self.lake, ROUTE, LoggedMeasurements(self.stack.directory), now)
        if look is None:
            return None
        self.looks.append(look)
        decision = look.decision
        if decision.action != "continue":
            self.say(f"look {decision.look}: {decision.action}: {decision.reason}")
        return look

    def start_canary(self, version: str, *steps: float, override: Override | None = None) -> Record:
        """Start an experiment with a version."""
        rules, now = self.size.rules(*steps), datetime.now(UTC)
        record = start_experiment(
            self.bucket, ROUTE, version, "canary", rules, now, by="bench.drill", timing=TIMING, override=override
        )
        self._look_due = time.monotonic() + LOOK_SECONDS
        self.say(f"{version} gets {steps[0]:.0%} of the sessions from {record.champion}")
        return record

    @property
    def record(self) -> Record | None:
        """The experiment that runs, or None."""
        return running(self.bucket, ROUTE, Publisher(self.bucket, ROUTE).current())

    @property
    def retrains(self) -> bool:
        """Whether a retraining is under way."""
        return self._retraining is not None

    def close(self) -> None:
        """End a retraining that is under way."""
        if self._retraining is not None:
            self._retraining.kill()

    def _end_retraining(self, command: Command) -> None:
        self._retraining = None
        result = outcome(command)
        self.verdict = result["verdict"]
        self.say(f"gate: {result['verdict']['reason']}")
        if result["passed"]:
            if self.record is not None:
                self.say(f"{result['version']} waits: an experiment runs")
                return
            self.start_canary(result["version"], *CANARY_STEPS)

    def _collected(self) -> datetime:
        """Bring all events into the lake that arrived until now, and return that time."""
        now = datetime.now(UTC)
        if self.stack.lake is None:
            raise AssertionError("the stack of a drill has a lake")
        self.stack.lake.collect()
        return now
