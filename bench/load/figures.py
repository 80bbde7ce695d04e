"""Compute the figures of a load step, and whether the machine is saturated."""

import http
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from bench.load.sender import StepResult

SATURATED_P99_MS = 150.0
SATURATED_SHARE = 0.95
"""Answers below this share of the offered rate fall behind the arrivals."""


@dataclass(frozen=True)
class StepFigures:
    """Figures of one step. Times are milliseconds from the time at which a request was due.

    Attributes:
        rate: planned requests per second.
        offered: requests per second that arrived; arrivals are random.
        achieved: successful answers per second until the last answer.
        errors: requests with a status other than 200, or without an answer.
        served_by: the share of each kind of answer in all requests.
        sent_late_ms: 99th percentile of the generator's own delay.
        saturation: why the machine is saturated; empty if it is not.
    """

    rate: float
    offered: float
    achieved: float
    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    errors: int
    served_by: dict[str, float]
    sent_late_ms: float
    saturation: str


def figures_of(result: StepResult) -> StepFigures:
    """Return the figures of a step."""
    times = [sample.milliseconds for sample in result.samples]
    count = len(result.samples)
    errors = sum(sample.status != http.HTTPStatus.OK for sample in result.samples)
    achieved = (count - errors) / result.seconds
    served = Counter(sample.served_by for sample in result.samples if sample.served_by)
    p99 = _percentile(times, 99)
    reasons = {
        f"p99 over {SATURATED_P99_MS:.0f} ms": p99 > SATURATED_P99_MS,
        "errors": errors > 0,
        f"less than {SATURATED_SHARE:.0%} achieved": achieved < SATURATED_SHARE * result.offered,
    }
    return StepFigures(
        rate=result.rate,
        offered=result.offered,
        achieved=achieved,
        requests=count,
        p50_ms=_percentile(times, 50),
        p95_ms=_percentile(times, 95),
        p99_ms=p99,
        p999_ms=_percentile(times, 99.9),
        max_ms=max(times, default=0.0),
        errors=errors,
        served_by={name: number / count for name, number in served.most_common()},
        sent_late_ms=_percentile([sample.sent_late for sample in result.samples], 99),
        saturation=", ".join(reason for reason, holds in reasons.items() if holds),
    )


def _percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile by nearest rank; 0.0 if there are no values."""
    ranked = sorted(values)
    return ranked[max(ceil(percent / 100 * len(ranked)) - 1, 0)] if ranked else 0.0
