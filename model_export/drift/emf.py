"""A report as records in CloudWatch's embedded metric format, as `nextitem.telemetry.metrics` describes the metrics."""

from collections.abc import Iterator

from model_export.drift.report import DriftReport
from nextitem.telemetry.metrics import DRIFT_PSI, DRIFT_UNKNOWN, HIT_RATE_SHORTFALL, ONLINE_HIT_RATE
from nextitem.telemetry.serializer import serialize


def metric_records(report: DriftReport, stack: str) -> Iterator[str]:
    """Yield log lines: one with the figures of the measured version, and one for each other version that answered.

    A rate of too few sessions to have an interval is left out: its line would be noise.

    Args:
        report: the measurement.
        stack: the name of the stack, the first dimension of all metrics.
    """
    rates = {(rate.version, rate.variant): rate.smoothed for rate in report.hit_rates if rate.low > 0 or rate.high < 1}
    measured = (report.version, report.variant)
    figures = {
        DRIFT_PSI.name: report.notified,
        DRIFT_UNKNOWN.name: report.unknown.smoothed,
        HIT_RATE_SHORTFALL.name: report.shortfall,
    }
    if measured in rates:
        figures[ONLINE_HIT_RATE.name] = rates.pop(measured)
    yield _record(report, stack, measured, figures)
    for answerer, rate in rates.items():
        yield _record(report, stack, answerer, {ONLINE_HIT_RATE.name: rate})


def _record(report: DriftReport, stack: str, answerer: tuple[str, str], figures: dict[str, float]) -> str:
    version, variant = answerer
    dimensions = {"stack": stack, "model_version": version, "variant": variant}
    return serialize(dimensions, figures, {"operation": "drift", "route": report.route, "level": report.level})
