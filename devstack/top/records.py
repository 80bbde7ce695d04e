"""Lines of a log to measured values, as CloudWatch takes them from the embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Knows no metric of ours.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Key = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name, and the dimensions with their values: what CloudWatch takes for one metric."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The values that one record has of one metric.

    Attributes:
        at: epoch seconds.
        key: the metric.
        values: one or several.
    """

    at: float
    key: Key
    values: tuple[float, ...]


class BadRecord(ValueError):
    """A line that says it is a record, and cannot be read as one."""


def observations(line: str) -> list[Observation]:
    """Return what a line measures; nothing if it is no record.

    Raises:
        BadRecord: it is one, and a part that it announces is missing or of the wrong kind.
    """
    if '"_aws"' not in line:
        return []
    try:
        return list(_read(json.loads(line)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRecord(f"{type(error).__name__}: {error}") from error


def _read(record: dict[str, Any]) -> Iterator[Observation]:
    at = float(record["_aws"]["Timestamp"]) / 1000
    for directive in record["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(record[name])) for name in names)
            for metric in directive["Metrics"]:
                given = record[metric["Name"]]
                values = tuple(float(one) for one in (given if isinstance(given, list) else [given]))
                yield Observation(at, (str(directive["Namespace"]), str(metric["Name"]), dimensions), values)
