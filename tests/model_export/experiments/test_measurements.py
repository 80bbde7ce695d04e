"""Measurements of the challenger's requests: from log lines of the real telemetry, and from CloudWatch."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from model_export.experiments.cloudwatch import CloudWatchMeasurements
from model_export.experiments.measurements import (
    GUARDS,
    MINIMUM_REQUESTS,
    LoggedMeasurements,
    NotMeasured,
    percentile,
    summary,
)
from nextitem.errors import InputError, RegistryUnavailable
from nextitem.registry.experiment import CHALLENGER, CHAMPION
from nextitem.telemetry.metrics import NAMESPACE, REQUESTS, SERVER_ERRORS, SLOW, TOTAL
from tests.nextitem.parts import CREDENTIALS, REGION

A, B = (f"v{digit * 16}" for digit in "ab")
SINCE = datetime(2026, 1, 31, 9, 0, 20, tzinfo=UTC)
UNTIL = SINCE + timedelta(minutes=5)


def line(at: datetime, version: str, variant: str, milliseconds: float, error: float = 0.0, slow: float = 0.0) -> str:
    """Return a line like the telemetry's."""
    record = {
        "_aws": {"Timestamp": round(at.timestamp() * 1000), "CloudWatchMetrics": [{"Namespace": NAMESPACE}]},
        "stack": "local",
        "model_version": version,
        "variant": variant,
        REQUESTS.name: [1.0],
        TOTAL.name: [milliseconds],
        SERVER_ERRORS.name: error,
        SLOW.name: slow,
    }
    return json.dumps(record)


def test_log_files_give_the_requests_of_the_challenger_in_the_window(tmp_path: Path) -> None:
    # GIVEN 100 requests of the challenger between those of the champion, of other times, and broken lines
    times = [SINCE + number * timedelta(seconds=3) for number in range(100)]
    lines = [
        line(at, B, CHALLENGER, number, error=float(number < 3), slow=float(number == 99))
        for number, at in enumerate(times)
    ]
    others = [
        line(SINCE, A, CHAMPION, 900),
        line(SINCE, B, CHAMPION, 900),
        line(UNTIL, B, CHALLENGER, 900),
        line(SINCE - timedelta(seconds=1), B, CHALLENGER, 900),
        '{"_aws": {"Timestamp": 1, "CloudWat',
        '{"_aws": 3}',
        "START RequestId",
        json.dumps({"_aws": {"Timestamp": round(SINCE.timestamp() * 1000)}, "model_version": B, "variant": CHALLENGER}),
    ]
    (tmp_path / "functions" / "1").mkdir(parents=True)
    (tmp_path / "worker-1.log").write_text("\n".join([*lines[:50], *others]))
    (tmp_path / "functions" / "1" / "worker-2.log").write_text("\n".join(lines[50:]))
    # THEN the 99th percentile and the shares are theirs
    measurements = LoggedMeasurements(tmp_path)
    found = measurements.measured(B, SINCE, UNTIL)
    assert found == {"p99_ms": 98.0, "error_rate": 0.03, "slow_share": 0.01}
    assert found.keys() == GUARDS.keys()
    # AND with one request less nothing is measured
    assert measurements.measured(B, SINCE + timedelta(seconds=1), UNTIL) == {}


def test_the_edges_of_measuring(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        LoggedMeasurements(tmp_path / "nothing")
    (tmp_path / "folder.log").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        LoggedMeasurements(tmp_path).measured(B, SINCE, UNTIL)
    assert NotMeasured().measured(B, SINCE, UNTIL) == {}
    assert summary(MINIMUM_REQUESTS - 1, 1.0, 0.0, 0.0) == {}
    assert percentile([1.0], 0.99) == 1.0
    assert percentile([float(number) for number in range(1, 201)], 0.99) == 198.0


def stubbed(
    answers: Mapping[str, list[tuple[datetime, float]]], period: int, start: datetime, end: datetime, **statuses: str
) -> Any:
    """Return a client that expects one request, and its stub: moto has no percentiles."""
    client = boto3.client("cloudwatch", region_name=REGION, **CREDENTIALS)
    stub = Stubber(client)
    dimensions = [
        {"Name": "stack", "Value": "shop"},
        {"Name": "model_version", "Value": B},
        {"Name": "variant", "Value": "challenger"},
    ]
    asked = {
        "requests": ("requests", "Sum"),
        "p99_ms": ("total_ms", "p99"),
        "counted": ("total_ms", "SampleCount"),
        "errors": ("server_errors", "Sum"),
        "slow": ("slow", "Sum"),
    }
    queries = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": "nextitem", "MetricName": metric, "Dimensions": dimensions},
                "Period": period,
                "Stat": statistic,
            },
        }
        for name, (metric, statistic) in asked.items()
    ]
    results = [
        {
            "Id": name,
            "Timestamps": [at for at, _ in points],
            "Values": [value for _, value in points],
            "StatusCode": statuses.get(name, "Complete"),
        }
        for name, points in answers.items()
    ]
    request = {"MetricDataQueries": queries, "StartTime": start, "EndTime": end}
    stub.add_response("get_metric_data", {"MetricDataResults": results}, request)
    stub.activate()
    return client


def test_a_percentile_is_that_of_the_whole_window() -> None:
    # GIVEN a window that CloudWatch cuts into two data points
    start, end = SINCE.replace(second=0), UNTIL.replace(second=0)
    points = {
        "requests": [(start, 100.0), (end, 300.0)],
        "p99_ms": [(start, 40.0), (end, 80.0)],
        "counted": [(start, 100.0), (end, 300.0)],
        "errors": [(start, 2.0)],
        "slow": [],
    }
    # WHEN whole minutes are asked for, as one data point THEN the parts count by their requests
    client = stubbed(points, 300, start, end)
    found = CloudWatchMeasurements("shop", client).measured(B, SINCE, UNTIL)
    assert found == {"p99_ms": 70.0, "error_rate": 0.005, "slow_share": 0.0}


@pytest.mark.parametrize("status", ["InternalError", "PartialData", "Forbidden"])
def test_a_part_of_the_metrics_is_no_measurement(status: str) -> None:
    # GIVEN errors that CloudWatch does not give: their sum would be 0
    start, end = SINCE.replace(second=0), UNTIL.replace(second=0)
    points = {"requests": [(start, 100.0)], "p99_ms": [(start, 40.0)], "counted": [(start, 100.0)], "slow": []}
    client = stubbed({**points, "errors": []}, 300, start, end, errors=status)
    with pytest.raises(RegistryUnavailable, match=f"errors: {status}"):
        CloudWatchMeasurements("shop", client).measured(B, SINCE, UNTIL)
    with pytest.raises(RegistryUnavailable, match="errors: no result"):
        CloudWatchMeasurements("shop", stubbed(points, 300, start, end)).measured(B, SINCE, UNTIL)


def test_no_whole_minute_is_not_measured_and_a_refusal_is_an_error() -> None:
    client = boto3.client("cloudwatch", region_name=REGION, **CREDENTIALS)
    with Stubber(client) as stub:
        stub.add_client_error("get_metric_data", "AccessDenied", "no permission")
        measurements = CloudWatchMeasurements("shop", client)
        assert measurements.measured(B, SINCE, SINCE + timedelta(seconds=39)) == {}
        with pytest.raises(RegistryUnavailable, match="no permission"):
            measurements.measured(B, SINCE, UNTIL)
