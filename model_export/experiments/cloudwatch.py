"""Measurements of the challenger's requests from CloudWatch."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from model_export.experiments.measurements import summary
from nextitem.errors import RegistryUnavailable
from nextitem.registry.experiment import CHALLENGER
from nextitem.telemetry.metrics import BY_VERSION, NAMESPACE, REQUESTS, SERVER_ERRORS, SLOW, TOTAL, Metric

MINUTE = 60
MAX_PERIOD = 86_400
"""Seconds of a data point at most."""
_STATISTICS: Mapping[str, tuple[Metric, str]] = {
    "requests": (REQUESTS, "Sum"),
    "p99_ms": (TOTAL, "p99"),
    "counted": (TOTAL, "SampleCount"),
    "errors": (SERVER_ERRORS, "Sum"),
    "slow": (SLOW, "Sum"),
}


class CloudWatchMeasurements:
    """Measures the requests of a deployed stack.

    A percentile cannot be computed from those of parts, so a window is one data point, or the mean of some, weighted by
    their requests, where CloudWatch's borders cut it.

    Args:
        stack: the dimension `stack` of its metrics (`NEXTITEM_STACK`).
        client: a CloudWatch client; by default one from the usual AWS settings.
        region: without a client, its region.
    """

    def __init__(self, stack: str, client: Any = None, *, region: str | None = None) -> None:
        self._stack, self._given, self._region = stack, client, region

    @cached_property
    def _client(self) -> Any:
        """The client; made when it is needed, because an experiment without guard rails needs none."""
        config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 3})
        return self._given or boto3.client("cloudwatch", region_name=self._region, config=config)

    def measured(self, version: str, since: datetime, until: datetime) -> Mapping[str, float]:
        """See `Measurements.measured`. Minutes that have only begun count with the next window.

        Raises:
            RegistryUnavailable: CloudWatch did not answer, refused, or gave a part only.
        """
        start, end = _minute(since), _minute(until)
        seconds = round((end - start).total_seconds())
        if seconds < MINUTE:
            return {}
        period = min(seconds, MAX_PERIOD)
        dimensions = zip(BY_VERSION, (self._stack, version, CHALLENGER), strict=True)
        named = [{"Name": name, "Value": value} for name, value in dimensions]
        queries: Any = [
            {
                "Id": name,
                "MetricStat": {
                    "Metric": {"Namespace": NAMESPACE, "MetricName": metric.name, "Dimensions": named},
                    "Period": period,
                    "Stat": statistic,
                },
            }
            for name, (metric, statistic) in _STATISTICS.items()
        ]
        points: dict[str, dict[datetime, float]] = {name: {} for name in _STATISTICS}
        statuses = dict.fromkeys(_STATISTICS, "no result")
        try:
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=start, EndTime=end
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    points[result["Id"]] |= dict(zip(result["Timestamps"], result["Values"], strict=True))
                    statuses[result["Id"]] = result["StatusCode"]
        except (ClientError, BotoCoreError, KeyError, ValueError) as error:
            raise RegistryUnavailable(f"CloudWatch does not give the metrics of {version}: {error}") from error
        # A page may be partial, and the last one of a metric is complete; without its errors a version has none
        incomplete = sorted(f"{name}: {status}" for name, status in statuses.items() if status != "Complete")
        if incomplete:
            raise RegistryUnavailable(f"CloudWatch does not give all metrics of {version}: {', '.join(incomplete)}")
        total = {name: math.fsum(values.values()) for name, values in points.items()}
        return summary(
            total["requests"], _weighted(points["p99_ms"], points["counted"]), total["errors"], total["slow"]
        )


def _minute(time: datetime) -> datetime:
    """Return the minute that a time is in: CloudWatch has no finer data points of these metrics."""
    return time.astimezone(UTC).replace(second=0, microsecond=0)


def _weighted(values: Mapping[datetime, float], weights: Mapping[datetime, float]) -> float:
    times: Sequence[datetime] = [time for time in values if weights.get(time, 0.0) > 0]
    total = math.fsum(weights[time] for time in times)
    return math.fsum(values[time] * weights[time] for time in times) / total if total else math.nan
