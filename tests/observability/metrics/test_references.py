"""What nobody emits cannot be referred to: not by an alarm, not by a graph, not by a search."""

import pytest

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_SOURCE, BY_VERSION, METRICS, NAMESPACE, OVERALL, DimensionSet, Metric
from observability.metrics.expressions import Search
from observability.metrics.references import Emitted, NotEmitted

STRANGER = Metric("tea_ms", "Milliseconds", "time for tea")
NOT_SETS = [
    (metric, dimension_set)
    for metric in METRICS
    for dimension_set in metrics.DIMENSION_SETS
    if dimension_set not in metric.sets
]


def test_a_metric_in_each_of_its_sets_can_be_referred_to() -> None:
    for metric in METRICS:
        for dimension_set in metric.sets:
            # WHEN it is referred to with a value for each dimension
            reference = Emitted(metric, dimension_set, tuple("x" for _ in dimension_set[1:]))

            # THEN it names what the log's records announce
            assert (reference.namespace, reference.name) == (NAMESPACE, metric.name)
            assert tuple(name for name, _ in reference.dimensions) == dimension_set
            assert reference.dimensions[0] == ("service", "nextitem")


def test_a_metric_that_is_not_described_cannot_be() -> None:
    with pytest.raises(NotEmitted, match="tea_ms"):
        Emitted(STRANGER)
    with pytest.raises(NotEmitted, match="tea_ms"):
        Search(STRANGER, OVERALL, "Sum")


@pytest.mark.parametrize("lookalike", [metrics.REQUESTS.name, metrics.HITS.name])
def test_a_metric_of_a_known_name_and_another_description_cannot_be(lookalike: str) -> None:
    with pytest.raises(NotEmitted, match=lookalike):
        Emitted(Metric(lookalike, "Count", "something else"))


@pytest.mark.parametrize(("metric", "dimension_set"), NOT_SETS)
def test_a_set_that_the_metric_is_not_emitted_in_cannot_be(metric: Metric, dimension_set: DimensionSet) -> None:
    with pytest.raises(NotEmitted, match=metric.name):
        Emitted(metric, dimension_set, tuple("x" for _ in dimension_set[1:]))
    with pytest.raises(NotEmitted, match=metric.name):
        Search(metric, dimension_set, "Sum")


@pytest.mark.parametrize("values", [(), ("v1",), ("v1", "main", "session")])
def test_a_value_for_each_dimension_is_needed(values: tuple[str, ...]) -> None:
    with pytest.raises(NotEmitted, match="requests"):
        Emitted(metrics.REQUESTS, BY_VERSION, values)


def test_there_are_sets_to_refuse() -> None:
    assert (metrics.COLD_STARTS, BY_SOURCE) in NOT_SETS
