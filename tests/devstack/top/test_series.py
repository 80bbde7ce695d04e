"""Statistics of metric values over windows of time."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.top.records import Observation
from devstack.top.series import KEPT_SECONDS, Series
from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_SOURCE, BY_VERSION
from observability.metrics.expressions import Stat
from observability.metrics.references import OwnMetric
from tests.devstack.top.emf_lines import NOW

OVERALL = frozenset({("stack", "nextitem")})
EXACT: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


def observation(at: float, *values: float, name: str = "total_ms") -> Observation:
    return Observation(at, ("nextitem", name, OVERALL), values)


def total_ms(statistic: str) -> Stat:
    return Stat(OwnMetric(metrics.TOTAL), statistic)


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=200))
def test_statistics_span_buckets(values: list[float]) -> None:
    series = Series("nextitem")
    series.add(observation(NOW - 60 + number % 60, value) for number, value in enumerate(values))

    for name, exact in EXACT.items():
        assert series.statistic(total_ms(name), NOW - 60, NOW) == pytest.approx(exact(values))
    for percent in (0, 50, 95, 99, 100):
        expected = float(np.percentile(values, percent, method="inverted_cdf"))
        assert series.statistic(total_ms(f"p{percent}"), NOW - 60, NOW) == pytest.approx(expected, rel=0.0101)


def test_values_that_are_not_positive_rank_lowest() -> None:
    series = Series("nextitem")
    series.add([observation(NOW, 0, 0, 0, 10)])
    assert series.statistic(total_ms("p75"), NOW, NOW + 60) == 0
    assert series.statistic(total_ms("p76"), NOW, NOW + 60) == pytest.approx(10, rel=0.0101)


def test_a_window_holds_what_was_measured_in_it() -> None:
    series = Series("nextitem")
    series.add(observation(NOW + seconds, 1) for seconds in (-70, -60, -10, 0, 50))
    assert series.statistic(total_ms("Sum"), NOW - 60, NOW) == 2
    assert series.statistic(total_ms("Sum"), NOW - 3_600, NOW) == 3
    assert series.statistic(total_ms("Sum"), NOW - 3_600, NOW - 3_000) is None


def test_metrics_and_dimensions_are_apart() -> None:
    series = Series("nextitem")
    series.add([observation(NOW, 1), observation(NOW, 2, name="slow")])
    by_version = OwnMetric(metrics.TOTAL, BY_VERSION, ("v1", "main"))
    assert series.statistic(total_ms("Sum"), NOW, NOW + 1) == 1
    assert series.statistic(Stat(by_version, "Sum"), NOW, NOW + 1) is None


def test_values_of_dimensions() -> None:
    series = Series("nextitem")
    for version, variant in (("v2", "main"), ("v1", "main"), ("v1", "trial")):
        dimensions = OVERALL | {("model_version", version), ("variant", variant)}
        series.add([Observation(NOW, ("nextitem", "requests", dimensions), (1,))])
    elsewhere = frozenset({("stack", "nextitem-staging"), ("served_by", "popular")})
    for dimensions in (OVERALL | {("served_by", "session")}, elsewhere):
        series.add([Observation(NOW, ("nextitem", "requests", dimensions), (1,))])

    assert series.values_of(metrics.REQUESTS, BY_VERSION) == [("v1", "main"), ("v1", "trial"), ("v2", "main")]
    assert series.values_of(metrics.REQUESTS, BY_SOURCE) == [("session",)]


def test_values_older_than_every_window_are_dropped() -> None:
    series = Series("nextitem")
    series.add([observation(NOW, 1), observation(NOW + KEPT_SECONDS, 2)])
    series.forget(NOW + KEPT_SECONDS + 20)
    assert series.statistic(total_ms("Sum"), 0, 2 * NOW) == 2


def test_an_unknown_statistic_is_an_error() -> None:
    series = Series("nextitem")
    series.add([observation(NOW, 1)])
    with pytest.raises(ValueError, match="Median"):
        series.statistic(total_ms("Median"), NOW, NOW + 1)
