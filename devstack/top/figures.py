"""The service's figures at a moment, for the live view and as JSON; they are the deployed indicators."""

from dataclasses import dataclass

from devstack.top.alarm_states import AlarmState, alarm_states
from devstack.top.series import Series
from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_SOURCE, BY_VERSION, Metric
from observability.alarms.evaluation import evaluate_expression
from observability.metrics import indicators as slis
from observability.metrics.expressions import Stat
from observability.metrics.indicators import Indicator
from observability.metrics.references import OwnMetric


@dataclass(frozen=True, slots=True)
class VersionFigures:
    """The figures of one version and variant of the model; None where nothing was measured."""

    version: str
    variant: str
    requests: int
    p95_ms: float | None
    slow_share: float | None
    hit_rate: float | None
    click_rate: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The service over the last seconds; shares are between 0 and 1, None means that nothing was measured.

    Attributes:
        at: epoch seconds.
        window_seconds: of the figures; alarms have windows of their own.
        served_by: share of the requests, by source.
        bad_records: number of damaged metrics records since the view began.
    """

    at: float
    window_seconds: int
    requests: int
    requests_per_second: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    slow_share: float | None
    failed_share: float | None
    cold_starts: int
    restore_p95_ms: float | None
    store_faults: int
    route_faults: int
    served_by: dict[str, float]
    hit_rate: float | None
    reciprocal_rank: float | None
    click_rate: float | None
    labelled_events: int
    versions: tuple[VersionFigures, ...]
    alarms: tuple[AlarmState, ...]
    bad_records: int


def compute_figures(series: Series, now: float, window_seconds: int, bad_records: int) -> Figures:
    """Return the figures of the seconds before a moment (epoch seconds)."""
    start = now - window_seconds

    def of(indicator: Indicator) -> float | None:
        return evaluate_expression(indicator.expression, series, start, now)

    def count(metric: Metric) -> int:
        return int(evaluate_expression(slis.total(metric), series, start, now) or 0)

    requests = count(metrics.REQUESTS)
    by_source = {
        source: int(series.statistic(slis.served_by(source), start, now) or 0)
        for (source,) in series.values_of(metrics.REQUESTS, BY_SOURCE)
    }
    return Figures(
        at=now,
        window_seconds=window_seconds,
        requests=requests,
        requests_per_second=requests / window_seconds,
        p50_ms=of(slis.LATENCY_P50),
        p95_ms=of(slis.LATENCY_P95),
        p99_ms=of(slis.LATENCY_P99),
        slow_share=of(slis.SLOW_SHARE),
        failed_share=of(slis.FAILED_SHARE),
        cold_starts=count(metrics.COLD_STARTS),
        restore_p95_ms=of(slis.RESTORE_P95),
        store_faults=count(metrics.STORE_FAULTS),
        route_faults=count(metrics.ROUTE_FAULTS),
        served_by={source: number / requests for source, number in by_source.items() if number},
        hit_rate=of(slis.HIT_RATE),
        reciprocal_rank=of(slis.RECIPROCAL_RANK),
        click_rate=of(slis.CLICK_RATE),
        labelled_events=count(metrics.LABELS),
        versions=_versions(series, start, now),
        alarms=alarm_states(series, now),
        bad_records=bad_records,
    )


def _versions(series: Series, start: float, now: float) -> tuple[VersionFigures, ...]:
    def of(metric: Metric, statistic: str, values: tuple[str, ...]) -> float | None:
        return series.statistic(Stat(OwnMetric(metric, BY_VERSION, values), statistic), start, now)

    figures = [
        VersionFigures(
            version=values[0],
            variant=values[1],
            requests=int(of(metrics.REQUESTS, "Sum", values) or 0),
            p95_ms=of(metrics.TOTAL, "p95", values),
            slow_share=of(metrics.SLOW, "Average", values),
            hit_rate=of(metrics.HITS, "Average", values),
            click_rate=of(metrics.CLICKS, "Average", values),
        )
        for values in series.values_of(metrics.REQUESTS, BY_VERSION)
    ]
    return tuple(version for version in figures if version.requests)
