"""Measurements of the challenger's requests, which guard rails bound: from metrics records in log files.

`cloudwatch` has the same from CloudWatch.
"""

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from nextitem.errors import InputError, NextItemError, PathUnusable
from nextitem.registry.experiment import CHALLENGER
from nextitem.telemetry.metrics import BY_VERSION, NAMESPACE, REQUESTS, SERVER_ERRORS, SLOW, TOTAL

P99, ERROR_RATE, SLOW_SHARE = "p99_ms", "error_rate", "slow_share"
GUARDS = {
    P99: "99th percentile of the time in the function, in milliseconds",
    ERROR_RATE: "share of requests with a 5xx, 0 to 1",
    SLOW_SHARE: "share of requests over the service level, cold starts included, 0 to 1",
}
"""What guard rails can bound."""
logger = logging.getLogger(__name__)
MINIMUM_REQUESTS = 100
"""With fewer requests nothing is measured: one slow request of 20 would be the 99th percentile."""


class Measurements(Protocol):
    """Measures a version's requests."""

    def measured(self, version: str, since: datetime, until: datetime) -> Mapping[str, float]:
        """Return what `GUARDS` names, of the challenger's requests in a window.

        Returns:
            An empty mapping with fewer than `MINIMUM_REQUESTS` requests.

        Raises:
            NextItemError: it cannot be measured.
        """


def measured_or_fault(
    measurements: Measurements, version: str, since: datetime, until: datetime
) -> tuple[Mapping[str, float], str]:
    """Measure, and return why that failed instead of an error: outcomes may roll back without guard rails, too.

    Returns:
        The measurements, and an empty text; or none, and the fault.
    """
    try:
        return measurements.measured(version, since, until), ""
    except NextItemError as error:
        logger.warning("the guard rails are unknown: %s", error)
        return {}, str(error)


class NotMeasured:
    """Measures nothing: for experiments without guard rails."""

    def measured(self, version: str, since: datetime, until: datetime) -> Mapping[str, float]:  # noqa: ARG002 - the protocol's
        """See `Measurements.measured`."""
        return {}


class LoggedMeasurements:
    """Measures the requests of functions whose logs are files of a folder, such as devstack's.

    Args:
        folder: its files ``*.log``, also those in its folders, hold metrics records (EMF) among other lines.

    Raises:
        InputError: it is no folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder of log files")
        self._folder = folder

    def measured(self, version: str, since: datetime, until: datetime) -> Mapping[str, float]:
        """See `Measurements.measured`."""
        start, end = since.timestamp() * 1000, until.timestamp() * 1000
        try:
            files = [path.read_bytes() for path in sorted(self._folder.rglob("*.log"))]
        except OSError as error:
            raise PathUnusable(self._folder, "read", error) from None
        records = [
            record
            for file in files
            for record in metrics_records(file.decode("utf-8", "replace").split("\n"))
            if start <= record["_aws"]["Timestamp"] < end and _is_of(record, version)
        ]
        requests = _values(records, REQUESTS.name)
        times = sorted(_values(records, TOTAL.name))
        return summary(
            sum(requests),
            percentile(times, 0.99),
            *(sum(_values(records, metric.name)) for metric in (SERVER_ERRORS, SLOW)),
        )


def summary(requests: float, p99_ms: float, errors: float, slow: float) -> dict[str, float]:
    """Return the measurements of so many requests; none if they are too few."""
    if requests < MINIMUM_REQUESTS:
        return {}
    return {P99: p99_ms, ERROR_RATE: errors / requests, SLOW_SHARE: slow / requests}


def metrics_records(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the metrics records among log lines; a line that was cut is skipped, as CloudWatch does."""
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            record = json.loads(line)
            float(record["_aws"]["Timestamp"])
        except (ValueError, KeyError, TypeError):
            continue
        yield record


def percentile(ordered: list[float], share: float) -> float:
    """Return the smallest value that a share of the values do not exceed (nearest rank); NaN without values."""
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else math.nan


def _is_of(record: Mapping[str, Any], version: str) -> bool:
    _, version_dimension, variant_dimension = BY_VERSION
    is_own = any(part.get("Namespace") == NAMESPACE for part in record["_aws"].get("CloudWatchMetrics", ()))
    return is_own and (record.get(version_dimension), record.get(variant_dimension)) == (version, CHALLENGER)


def _values(records: Iterable[Mapping[str, Any]], name: str) -> list[float]:
    values: list[float] = []
    for record in records:
        content = record.get(name, [])
        values += map(float, content if isinstance(content, list) else [content])
    return values
