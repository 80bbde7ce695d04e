"""What a step comes to, and whether the machine is past its knee. Knows nothing of how it was measured."""

import http
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from bench.load.sending import Ran

KNEE_P99_MS = 150.0
KNEE_ACHIEVED = 0.95
"""Below this share of the offered rate, answers fall behind arrivals."""


@dataclass(frozen=True)
class Row:
    """One step; times are milliseconds from the time at which a request was due.

    Attributes:
        rate: requests a second that the step is named for.
        offered: requests a second that came, by chance somewhat more or fewer.
        achieved: answers a second, over the time until the last.
        errors: requests with another status than 200, or no answer.
        served_by: the share of all requests that each kind of answer has.
        behind_ms: 99th percentile of how late the generator itself sent.
        beyond: why this is past the knee; empty where it is not.
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
    behind_ms: float
    beyond: str


def row_of(ran: Ran) -> Row:
    """Return the figures of a step."""
    times = [sample.milliseconds for sample in ran.samples]
    count = len(ran.samples)
    errors = sum(sample.status != http.HTTPStatus.OK for sample in ran.samples)
    achieved = (count - errors) / ran.seconds
    served = Counter(sample.served_by for sample in ran.samples if sample.served_by)
    p99 = _percentile(times, 99)
    reasons = {
        f"p99 over {KNEE_P99_MS:.0f} ms": p99 > KNEE_P99_MS,
        "errors": errors > 0,
        f"less than {KNEE_ACHIEVED:.0%} achieved": achieved < KNEE_ACHIEVED * ran.offered,
    }
    return Row(
        rate=ran.rate,
        offered=ran.offered,
        achieved=achieved,
        requests=count,
        p50_ms=_percentile(times, 50),
        p95_ms=_percentile(times, 95),
        p99_ms=p99,
        p999_ms=_percentile(times, 99.9),
        max_ms=max(times, default=0.0),
        errors=errors,
        served_by={name: number / count for name, number in served.most_common()},
        behind_ms=_percentile([sample.behind for sample in ran.samples], 99),
        beyond=", ".join(reason for reason, holds in reasons.items() if holds),
    )


def _percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` percent are not above (nearest rank); 0.0 of none."""
    ranked = sorted(values)
    return ranked[max(ceil(percent / 100 * len(ranked)) - 1, 0)] if ranked else 0.0
