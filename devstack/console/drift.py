"""The drift of the route for the console: its newest report, the hit rates of all, and a measurement by button."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import msgspec

from devstack.console.experiments import NO_LAKE
from devstack.console.models import ROUTE
from devstack.processes.errors import StackError
from devstack.publish import object_store
from devstack.services.bucket import Bucket
from model_export.drift.report import ELEVATED, MAX_SHORTFALL, MODERATE, UNKNOWN_RISE, DriftReport

if TYPE_CHECKING:
    from devstack.lake_collector import LakeCollector

REPORTS = 100
"""Newest reports whose hit rates are shown."""
THRESHOLDS = {"moderate": MODERATE, "elevated": ELEVATED, "unknown_rise": UNKNOWN_RISE, "max_shortfall": MAX_SHORTFALL}


class Measuring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measurement to make.

    Attributes:
        hours: the length of the window.
        idle_seconds: a session without events for so long has ended.
    """

    hours: Annotated[float, msgspec.Meta(gt=0, le=168)] = 1.0
    idle_seconds: Annotated[float, msgspec.Meta(ge=1)] = 60.0


@dataclass(frozen=True)
class HitRatePoint:
    """The online hit rate of a version in a report: smoothed, and its window's with the 95 % interval."""

    at: str
    version: str
    variant: str
    smoothed: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DriftView:
    """The drift of the route.

    Attributes:
        has_lake: whether drift can be measured.
        report: the newest report; None if there is none.
        thresholds: see `model_export.drift.report`.
        hit_rates: of the newest `REPORTS` reports, oldest first.
    """

    has_lake: bool
    report: DriftReport | None
    thresholds: dict[str, float]
    hit_rates: tuple[HitRatePoint, ...]


class Drift:
    """The drift of a stack's route.

    Args:
        bucket: of the stack.
        collector: of the event lake; None without one.
    """

    def __init__(self, bucket: Bucket, collector: "LakeCollector | None") -> None:
        self._bucket, self._collector = bucket, collector

    def view(self) -> DriftView:
        """Read the reports.

        Raises:
            nextitem.errors.RegistryError: they cannot be read.
        """
        if self._collector is None:
            return DriftView(False, None, THRESHOLDS, ())
        from model_export.drift.route import newest_reports

        with object_store(self._bucket) as store:
            reports = newest_reports(store, ROUTE, REPORTS)
        points = tuple(
            HitRatePoint(report.measured, rate.version, rate.variant, rate.smoothed, rate.value, rate.low, rate.high)
            for report in reports
            for rate in report.hit_rates
        )
        return DriftView(True, reports[-1] if reports else None, THRESHOLDS, points)

    def measure(self, measuring: Measuring) -> DriftReport:
        """Collect what the store acknowledged, measure, and keep the report. Raises as `route.measure_route`.

        Raises:
            StackError: there is no lake.
            nextitem.errors.StoreUnavailable: the store does not answer.
        """
        if self._collector is None:
            raise StackError(NO_LAKE)
        from model_export.drift.route import Window, measure_route, write_report

        now = datetime.now(UTC)
        self._collector.collect()
        window = Window(measuring.hours, round(measuring.idle_seconds * 1000))
        with object_store(self._bucket) as store, TemporaryDirectory() as folder:
            report = measure_route(store, store, ROUTE, now, Path(folder), window)
            write_report(store, report)
        return report
