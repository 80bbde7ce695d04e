"""One log line that CloudWatch turns into metrics: the embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Powertools' Metrics writes one dimension set for all metrics of a line; here each metric has the sets of its
description, for every value of a dimension is billed. Knows no request.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from nextitem.telemetry.metrics import DIMENSION_SETS, METRICS, NAMESPACE

MAX_LAYOUTS = 256
"""Combinations of metrics whose description is kept ready; there are some dozens."""

_BY_NAME = {metric.name: metric for metric in METRICS}


def line(
    at: int, dimensions: Mapping[str, str], metrics: Mapping[str, float], properties: Mapping[str, str | int]
) -> str:
    """Return the line of one record.

    Args:
        at: epoch milliseconds.
        dimensions: values of the dimensions there are; a set of which one is missing is left out.
        metrics: values by name; each must be described in `metrics`.
        properties: what logs may be searched by, and no metric.

    Raises:
        KeyError: a metric that is not described.
    """
    directives = _directives(tuple(metrics), tuple(dimensions))
    record = {"_aws": {"Timestamp": at, "CloudWatchMetrics": directives}, **dimensions, **properties, **metrics}
    return msgspec.json.encode(record).decode()


@lru_cache(MAX_LAYOUTS)
def _directives(names: tuple[str, ...], dimensions: tuple[str, ...]) -> msgspec.Raw:
    described = [_BY_NAME[name] for name in names]
    directives = []
    for dimension_set in DIMENSION_SETS:
        chosen = [{"Name": one.name, "Unit": one.unit} for one in described if dimension_set in one.sets]
        if chosen and set(dimension_set) <= set(dimensions):
            directives.append({"Namespace": NAMESPACE, "Dimensions": [dimension_set], "Metrics": chosen})
    return msgspec.Raw(msgspec.json.encode(directives))
