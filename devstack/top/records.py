"""Parse log lines in CloudWatch's embedded metric format (EMF).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Key = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name, and dimensions with their values, which identify a metric in CloudWatch."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The values of one metric in one record.

    Attributes:
        at: epoch seconds.
        key: the metric.
        values: at least one.
    """

    at: float
    key: Key
    values: tuple[float, ...]


class BadRecord(ValueError):
    """A line that looks like a record but is damaged."""


def parse_line(line: str) -> list[Observation]:
    """Return the observations of a line; none if it is not a record.

    Raises:
        BadRecord: a part that the record announces is missing or has a wrong type.
    """
    if '"_aws"' not in line:
        return []
    try:
        return list(_parse(json.loads(line)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRecord(f"{type(error).__name__}: {error}") from error


def _parse(record: dict[str, Any]) -> Iterator[Observation]:
    at = float(record["_aws"]["Timestamp"]) / 1000
    for directive in record["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(record[name])) for name in names)
            for metric in directive["Metrics"]:
                content = record[metric["Name"]]
                values = tuple(map(float, content if isinstance(content, list) else [content]))
                yield Observation(at, (str(directive["Namespace"]), str(metric["Name"]), dimensions), values)
