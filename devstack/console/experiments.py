"""The experiments of the route for the console: the running one, every decision, and start, look and stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from devstack.console.models import BY, ROUTE
from devstack.processes.errors import StackError
from devstack.publish import object_store
from devstack.services.bucket import Bucket
from model_export.experiments.audit import AuditEntry, read_audit, recorded_override
from model_export.experiments.decide import Bound, Rules, steps_from
from model_export.experiments.measurements import ERROR_RATE, P99, LoggedMeasurements
from model_export.experiments.records import Look, Record, Timing, read_records, readable_looks
from model_export.experiments.words import ACTIONS, OUTCOMES, change_in_words
from nextitem.registry.experiment import Kind
from nextitem.registry.publisher import Publisher

if TYPE_CHECKING:
    from devstack.lake_collector import LakeCollector
    from model_export.experiments.lifecycle import Stopped
    from nextitem.aws.boto_object_store import BotoObjectStore

DELAY_SECONDS = 5.0
"""How long events may take into the lake: a look collects them first, so the lake is complete until a second before."""
SETTLE_SECONDS = 10.0
"""How long functions may take to follow the route: `make run` reads it every three seconds."""
LOG_ENTRIES = 200
NO_LAKE = "Experiments and drift need the event lake: make run ARGS=--lake collects it."


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An experiment to start.

    Attributes:
        version: the challenger.
        share: its first share of the sessions, 0 to 1.
        kind: whether it answers its sessions alone.
        margin: the relative loss that a promotion accepts, 0 to 1.
        minimum_sessions: of each arm, before outcomes decide, and at each share.
        idle_seconds: a session without events for so long has ended.
        p99_ms: bound of the guard rail; None for none.
        error_rate: the same, 0 to 1.
        force: whether it starts without a passing verdict, too.
    """

    version: str
    share: float
    kind: Kind = "canary"
    margin: float = 0.0
    minimum_sessions: int = 100
    idle_seconds: Annotated[float, msgspec.Meta(ge=1)] = 60.0
    p99_ms: float | None = None
    error_rate: float | None = None
    force: bool = False


@dataclass(frozen=True)
class LogEntry:
    """An entry of the log: a look decided it, or a person did it. A look has its evidence, see `Look`.

    Attributes:
        at: when.
        what: in words.
        reason: why.
        look: the look; None if a person did it.
        details: what the audit log has beside; None of a look.
    """

    at: datetime
    what: str
    reason: str
    look: Look | None
    details: dict[str, object] | None


@dataclass(frozen=True)
class ExperimentsView:
    """The experiments of the route.

    Attributes:
        has_lake: whether experiments can be started and looked at.
        fault: why the collector does not bring events into the lake; None if it does.
        live: the version with all sessions outside of an experiment; None before the first promotion.
        record: the experiment that runs, or the last one; None if there was none.
        is_running: whether it runs.
        outcome: how it ended, in words.
        look: its newest look, which has the evidence.
        change: the relative change of the outcome that decides, in words; None before a look.
        log: the newest `LOG_ENTRIES` entries, newest first.
    """

    has_lake: bool
    fault: str | None
    live: str | None
    record: Record | None
    is_running: bool
    outcome: str | None
    look: Look | None
    change: str | None
    log: tuple[LogEntry, ...]


class Experiments:
    """The experiments of a stack's route.

    Args:
        bucket: of the stack.
        logs: folder with the functions' logs, which guard rails are measured from.
        collector: of the event lake; None without one.
    """

    def __init__(self, bucket: Bucket, logs: Path, collector: "LakeCollector | None") -> None:
        self._bucket, self._logs, self._collector = bucket, logs, collector

    def view(self) -> ExperimentsView:
        """Read records, looks and audit log.

        Raises:
            nextitem.errors.RegistryError: they cannot be read.
        """
        with object_store(self._bucket) as store:
            live = Publisher(store, ROUTE).current()
            records = read_records(store, ROUTE)
            looks = {record.experiment: readable_looks(store, record) for record in records}
            audit = read_audit(store, ROUTE)
        newest = records[-1] if records else None
        last = looks[newest.experiment][-1] if newest is not None and looks[newest.experiment] else None
        running = None if live is None or live.experiment is None else live.experiment.experiment
        entries = [*map(_by_hand, audit), *(_decided(look) for each in looks.values() for look in each)]
        entries.sort(key=lambda entry: entry.at, reverse=True)
        return ExperimentsView(
            has_lake=self._collector is not None,
            fault=None if self._collector is None else self._collector.fault,
            live=None if live is None else live.champion.version,
            record=newest,
            is_running=running is not None,
            outcome=None if newest is None or newest.outcome is None else OUTCOMES[newest.outcome],
            look=last,
            change=None if last is None else change_in_words(last.decision),
            log=tuple(entries[:LOG_ENTRIES]),
        )

    def start(self, start: Start) -> Record:
        """Start an experiment. Raises as `lifecycle.start_experiment`, and `StackError` without a lake."""
        bounds = ((P99, start.p99_ms), (ERROR_RATE, start.error_rate))
        rules = Rules(
            metric="preference" if start.kind == "interleaving" else "hit_rate",
            margin=start.margin,
            steps=steps_from(start.share),
            minimum_sessions=start.minimum_sessions,
            guards=tuple(Bound(name, most) for name, most in bounds if most is not None),
        )
        with self._lake() as (store, _):
            from model_export.experiments.lifecycle import start_experiment

            details = {"version": start.version, "by": BY}
            return start_experiment(
                store,
                ROUTE,
                start.version,
                start.kind,
                rules,
                datetime.now(UTC),
                by=BY,
                timing=Timing(start.idle_seconds, DELAY_SECONDS, SETTLE_SECONDS),
                override=recorded_override(store, ROUTE, "forced-canary", details) if start.force else None,
            )

    def look(self) -> Look | None:
        """Collect what the store acknowledged, then look. Raises as `lifecycle.look_at_route`, and as `start`.

        Raises:
            nextitem.errors.StoreUnavailable: the store does not answer.
        """
        with self._lake() as (store, collector):
            from model_export.experiments.lifecycle import look_at_route

            now = datetime.now(UTC)
            collector.collect()
            return look_at_route(store, store, ROUTE, LoggedMeasurements(self._logs), now)

    def stop(self) -> "Stopped":
        """Stop the experiment. Raises as `lifecycle.stop_experiment`, and as `start`."""
        with self._lake() as (store, _):
            from model_export.experiments.lifecycle import stop_experiment

            return stop_experiment(store, ROUTE, datetime.now(UTC), by=BY)

    @contextmanager
    def _lake(self) -> "Iterator[tuple[BotoObjectStore, LakeCollector]]":
        """Open the bucket. With a collector DuckDB is installed, which `lifecycle` needs and the demo has not."""
        if self._collector is None:
            raise StackError(NO_LAKE)
        with object_store(self._bucket) as store:
            yield store, self._collector


def _decided(look: Look) -> LogEntry:
    decision = look.decision
    what = f"{decision.experiment}, look {decision.look}: {ACTIONS[decision.action]}"
    return LogEntry(look.at, what, f"{change_in_words(decision)}; {decision.reason}", look, None)


def _by_hand(entry: AuditEntry) -> LogEntry:
    return LogEntry(entry.at, entry.what.replace("-", " "), entry.reason, None, dict(entry.details))
