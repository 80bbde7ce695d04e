"""A metrics record bills exactly the (metric, dimension set) pairs that `telemetry.metrics` describes."""

import json

import pytest

from nextitem.telemetry.metrics import BY_VERSION, DIMENSION_SETS, METRICS, NAMESPACE, OVERALL, DimensionSet
from nextitem.telemetry.serializer import serialize

DIMENSIONS = {"stack": "shop", "model_version": "v1", "variant": "main", "served_by": "session", "placement": "home"}
VALUES = {metric.name: index + 0.5 for index, metric in enumerate(METRICS)}


@pytest.mark.parametrize(
    ("dimensions", "sets"),
    [
        (DIMENSIONS.keys(), DIMENSION_SETS),
        (BY_VERSION, (OVERALL, BY_VERSION)),
        (OVERALL, (OVERALL,)),
    ],
)
def test_each_metric_is_in_the_dimension_sets_of_its_description(
    dimensions: tuple[str, ...], sets: tuple[DimensionSet, ...]
) -> None:
    record = json.loads(serialize({name: DIMENSIONS[name] for name in dimensions}, VALUES, {}))
    pairs = [
        (metric["Name"], metric["Unit"], tuple(dimension_set))
        for directive in record["_aws"]["CloudWatchMetrics"]
        for dimension_set in directive["Dimensions"]
        for metric in directive["Metrics"]
    ]
    expected = [
        (metric.name, metric.unit, dimensions) for metric in METRICS for dimensions in metric.sets if dimensions in sets
    ]
    assert sorted(pairs) == sorted(expected)  # lists: a pair that is there twice would be billed twice
    assert {directive["Namespace"] for directive in record["_aws"]["CloudWatchMetrics"]} == {NAMESPACE}


def test_a_cached_layout_gets_new_values() -> None:
    for value in (1, 2.5):
        record = json.loads(serialize(DIMENSIONS, {"requests": value}, {"status": 200}))
        assert record.pop("_aws")["Timestamp"] > 0
        assert record == DIMENSIONS | {"requests": value, "status": 200}


def test_a_metric_without_a_description_is_an_error() -> None:
    with pytest.raises(KeyError, match="no_such_metric"):
        serialize(DIMENSIONS, {"no_such_metric": 1}, {})
