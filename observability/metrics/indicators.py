"""The service level indicators. Alarms, dashboards and devstack share them."""

from dataclasses import dataclass
from typing import Literal

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_SOURCE, BY_VERSION, Metric
from observability.metrics import aws_metrics
from observability.metrics.expressions import Expression, Filled, Plus, Search, Share, Stat
from observability.metrics.references import OwnMetric

SOURCES = ("session", "stateless", "popular", "similar", "trending")
"""The values of `served_by`."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One service level indicator.

    Attributes:
        name: snake_case.
        title: for dashboards.
        meaning: one sentence.
        unit: of the value; a share lies between 0 and 1.
        expression: over all versions.
        by_version: the same for each model version, if the metric is emitted by version.
    """

    name: str
    title: str
    meaning: str
    unit: Literal["ms", "share", "value"]
    expression: Expression
    by_version: Search | None = None


def total(metric: Metric) -> Stat:
    """Return the sum of one of our metrics over the whole service."""
    return Stat(OwnMetric(metric), "Sum")


def served_by(source: str) -> Stat:
    """Return the number of requests that were answered from a source."""
    return Stat(OwnMetric(metrics.REQUESTS, BY_SOURCE, (source,)), "Sum")


def _per_request(metric: Metric) -> Share:
    return Share(total(metric), total(metrics.REQUESTS))


REQUESTS = total(metrics.REQUESTS)
# Crashes, timeouts and throttles: no metrics record was written, so only AWS counts them.
_NOT_RECORDED = (Filled(Stat(aws_metrics.ERRORS, "Sum")), Filled(Stat(aws_metrics.THROTTLES, "Sum")))
FAILED = Plus((Filled(total(metrics.SERVER_ERRORS)), *_NOT_RECORDED))
ATTEMPTED = Plus((Filled(REQUESTS), *_NOT_RECORDED))

LATENCY_P50 = Indicator(
    "latency_p50",
    "p50",
    "half of the requests took less time inside the function",
    "ms",
    Stat(OwnMetric(metrics.TOTAL), "p50"),
)
LATENCY_P95 = Indicator(
    "latency_p95",
    "p95",
    "95 % of requests took less time inside the function",
    "ms",
    Stat(OwnMetric(metrics.TOTAL), "p95"),
    Search(metrics.TOTAL, BY_VERSION, "p95"),
)
LATENCY_P99 = Indicator(
    "latency_p99",
    "p99",
    "99 % of requests took less time inside the function",
    "ms",
    Stat(OwnMetric(metrics.TOTAL), "p99"),
    Search(metrics.TOTAL, BY_VERSION, "p99"),
)
SLOW_SHARE = Indicator(
    "slow_share",
    "slow requests",
    f"requests that took over {metrics.SLOW_MS:g} ms, including a cold start",
    "share",
    _per_request(metrics.SLOW),
    Search(metrics.SLOW, BY_VERSION, "Average"),
)
FAILED_SHARE = Indicator(
    "failed_share",
    "failed requests",
    "5xx answers, and invocations that crashed, timed out or were throttled",
    "share",
    Share(FAILED, ATTEMPTED),
)
COLD_START_SHARE = Indicator(
    "cold_start_share",
    "cold starts",
    "requests that waited for a cold start",
    "share",
    _per_request(metrics.COLD_STARTS),
)
STORE_FAULT_SHARE = Indicator(
    "store_fault_share",
    "store faults",
    "errors of the session store per request",
    "share",
    _per_request(metrics.STORE_FAULTS),
)
THROTTLE_SHARE = Indicator(
    "throttle_share",
    "throttled",
    "invocations that Lambda refused because no environment was free",
    "share",
    Share(
        Filled(Stat(aws_metrics.THROTTLES, "Sum")),
        Plus((Stat(aws_metrics.INVOCATIONS, "Sum"), Filled(Stat(aws_metrics.THROTTLES, "Sum")))),
    ),
)
RESTORE_P95 = Indicator(
    "restore_p95",
    "state restored, p95",
    "95 % of hidden states were read and replayed in less time",
    "ms",
    Stat(OwnMetric(metrics.RESTORE), "p95"),
)
UNKNOWN_SHARE = Indicator(
    "unknown_share",
    "unknown items",
    "new events with an item that the model does not know, per request",
    "share",
    # Only records with such events have the metric, so its average is at least 1.
    Share(Filled(total(metrics.UNKNOWN)), REQUESTS),
)
HIT_RATE = Indicator(
    "hit_rate",
    "online hit@20",
    "next events whose item was among the 20 recommendations before it",
    "share",
    Share(total(metrics.HITS), total(metrics.LABELS)),
    Search(metrics.HITS, BY_VERSION, "Average"),
)
RECIPROCAL_RANK = Indicator(
    "reciprocal_rank",
    "mean reciprocal rank",
    "mean of 1 / rank of the next event's item among the 20 recommendations before it",
    "value",
    Stat(OwnMetric(metrics.RECIPROCAL_RANK), "Average"),
    Search(metrics.RECIPROCAL_RANK, BY_VERSION, "Average"),
)
CLICK_RATE = Indicator(
    "click_rate",
    "click-through",
    "clicks on recommended items, per answer that an event followed",
    "share",
    Share(total(metrics.CLICKS), total(metrics.LABELS)),
    Search(metrics.CLICKS, BY_VERSION, "Average"),
)
SERVED_BY = {
    source: Indicator(
        f"served_by_{source}",
        source,
        f"requests answered from {meaning}",
        "share",
        Share(Filled(served_by(source)), REQUESTS),
    )
    for source, meaning in zip(
        SOURCES,
        (
            "the stored session",
            "the items in the request alone",
            "the most popular items",
            "one item (similar)",
            "what trends",
        ),
        strict=True,
    )
}

INDICATORS: tuple[Indicator, ...] = (
    LATENCY_P50,
    LATENCY_P95,
    LATENCY_P99,
    SLOW_SHARE,
    FAILED_SHARE,
    *SERVED_BY.values(),
    COLD_START_SHARE,
    RESTORE_P95,
    STORE_FAULT_SHARE,
    THROTTLE_SHARE,
    UNKNOWN_SHARE,
    HIT_RATE,
    RECIPROCAL_RANK,
    CLICK_RATE,
)
