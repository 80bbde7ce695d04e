"""A metric that the function does not emit cannot be used in an alarm, a graph or a search."""

import pytest

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_SOURCE, BY_VERSION, METRICS, NAMESPACE, OVERALL, DimensionSet, Metric
from observability.metrics.expressions import Search
from observability.metrics.references import NotEmitted, OwnMetric

UNKNOWN_METRICS = (
    Metric("tea_ms", "Milliseconds", "time for tea"),
    Metric(metrics.REQUESTS.name, "Count", "another description"),
)


def test_a_metric_can_be_used_in_each_of_its_sets() -> None:
    for metric in METRICS:
        for dimension_set in metric.sets:
            reference = OwnMetric(metric, dimension_set, tuple("x" for _ in dimension_set[1:]))
            assert (reference.namespace, reference.name) == (NAMESPACE, metric.name)
            assert tuple(name for name, _ in reference.dimensions) == dimension_set
            assert reference.dimensions[0] == ("stack", "${StackName}")


@pytest.mark.parametrize("metric", UNKNOWN_METRICS)
def test_an_unknown_metric_is_refused(metric: Metric) -> None:
    with pytest.raises(NotEmitted, match=metric.name):
        OwnMetric(metric)
    with pytest.raises(NotEmitted, match=metric.name):
        Search(metric, OVERALL, "Sum")


@pytest.mark.parametrize("dimension_set", [BY_SOURCE, BY_VERSION])
def test_a_set_that_the_metric_is_not_emitted_in_is_refused(dimension_set: DimensionSet) -> None:
    with pytest.raises(NotEmitted, match="cold_start"):
        OwnMetric(metrics.COLD_STARTS, dimension_set, tuple("x" for _ in dimension_set[1:]))
    with pytest.raises(NotEmitted, match="cold_start"):
        Search(metrics.COLD_STARTS, dimension_set, "Sum")


@pytest.mark.parametrize("values", [(), ("v1",), ("v1", "main", "session")])
def test_each_dimension_needs_a_value(values: tuple[str, ...]) -> None:
    with pytest.raises(NotEmitted, match="requests"):
        OwnMetric(metrics.REQUESTS, BY_VERSION, values)
