"""Write a metrics record as one log line in CloudWatch's embedded metric format (EMF), with Powertools' serializer.

Importing this module imports the metrics of Powertools, which takes 4 ms: a cold start does it while it waits for the
model.

Powertools puts every metric of a record in every dimension set, and CloudWatch bills each pair: 48 instead of 22. So
each dimension set is serialized with its own metrics, and the record carries the directives of all of them
(docs/decisions/0006).
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from nextitem.partial_import import parts_of
from nextitem.telemetry.metrics import CONTAINER_METRICS, DIMENSION_SETS, LEARNING_METRICS, METRICS, NAMESPACE

with parts_of("aws_lambda_powertools"):  # without its Logger and its Tracer
    from aws_lambda_powertools.metrics import EphemeralMetrics

MAX_LAYOUTS = 256
"""Maximum number of layouts (combinations of metrics and dimensions) with cached directives; there are some dozens."""

_BY_NAME = {metric.name: metric for metric in (*METRICS, *LEARNING_METRICS, *CONTAINER_METRICS)}
_POWERTOOLS = EphemeralMetrics(namespace=NAMESPACE)


def serialize(dimensions: Mapping[str, str], metrics: Mapping[str, float], properties: Mapping[str, str | int]) -> str:
    """Return the log line of one record, without its line end.

    Example:
        ``serialize({"stack": "shop"}, {"requests": 1}, {"operation": "health"})``

    Args:
        dimensions: value of each dimension. A dimension set that needs another dimension is left out.
        metrics: value of each metric, by names described in `telemetry.metrics`.
        properties: further fields, for searching the log.

    Raises:
        KeyError: `telemetry.metrics` does not describe a metric.
    """
    directives = _directives(tuple(metrics), tuple(dimensions))
    values = {name: {"Value": value} for name, value in metrics.items()}
    record = _POWERTOOLS.serialize_metric_set(values, {**dimensions}, {**properties})
    header = {"Timestamp": record["_aws"]["Timestamp"], "CloudWatchMetrics": directives}
    return msgspec.json.encode({**record, "_aws": header}).decode()


@lru_cache(MAX_LAYOUTS)
def _directives(names: tuple[str, ...], dimensions: tuple[str, ...]) -> msgspec.Raw:
    """Return the JSON text of a layout's directives: one for each dimension set, with the metrics described for it."""
    described = [_BY_NAME[name] for name in names]
    directives = []
    for dimension_set in DIMENSION_SETS:
        units = {metric.name: {"Unit": metric.unit} for metric in described if dimension_set in metric.sets}
        if units and set(dimension_set) <= set(dimensions):
            record = _POWERTOOLS.serialize_metric_set(units, dict.fromkeys(dimension_set, ""), {})
            directives += record["_aws"]["CloudWatchMetrics"]
    return msgspec.Raw(msgspec.json.encode(directives))
