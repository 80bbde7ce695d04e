"""Metric values over time, kept as CloudWatch does: sums and a distribution for each bucket of ten seconds.

Percentiles are exact to 1 %, windows to ten seconds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil, floor, inf, log

from devstack.top.records import Key, Observation
from nextitem.telemetry.metrics import NAMESPACE, DimensionSet, Metric
from observability.metrics.expressions import Stat
from observability.metrics.references import STACK

BUCKET_SECONDS = 10
KEPT_SECONDS = 3 * 86_400
"""The longest window of an alarm."""
_GROWTH = log(1.02)


@dataclass(slots=True)
class _Bucket:
    count: int = 0
    total: float = 0.0
    least: float = inf
    most: float = -inf
    distribution: dict[int, int] = field(default_factory=dict)
    """Number of values near 1.02 to the power of each key."""
    not_positive: int = 0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)
        if value > 0:
            power = floor(log(value) / _GROWTH + 0.5)
            self.distribution[power] = self.distribution.get(power, 0) + 1
        else:
            self.not_positive += 1


class Series:
    """The values of every metric by time.

    Args:
        stack: whose metrics the statistics are of.
    """

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._buckets: defaultdict[Key, dict[int, _Bucket]] = defaultdict(dict)

    def add(self, observations: Iterable[Observation]) -> None:
        """Add observations."""
        for observation in observations:
            bucket = self._buckets[observation.key].setdefault(floor(observation.at / BUCKET_SECONDS), _Bucket())
            for value in observation.values:
                bucket.add(value)

    def forget(self, now: float) -> None:
        """Drop values that are older than every window."""
        oldest = floor((now - KEPT_SECONDS) / BUCKET_SECONDS)
        for buckets in self._buckets.values():
            for old in [number for number in buckets if number < oldest]:
                del buckets[old]

    def statistic(self, stat: Stat, start: float, end: float) -> float | None:
        """Return a statistic of the values from `start` on and before `end` (epoch seconds); None if there are none.

        Raises:
            ValueError: an unknown statistic.
        """
        reference = stat.reference
        dimensions = ((name, self._stack if value == STACK else value) for name, value in reference.dimensions)
        key = (reference.namespace, reference.name, frozenset(dimensions))
        buckets = list(self._between(key, start, end))
        return _statistic(stat.statistic, buckets) if buckets else None

    def values_of(self, metric: Metric, dimension_set: DimensionSet) -> list[tuple[str, ...]]:
        """Return the values of a metric's dimensions after the first (the stack), sorted."""
        combinations = []
        for namespace, name, dimensions in self._buckets:
            values = dict(dimensions)
            is_metric = (namespace, name) == (NAMESPACE, metric.name) and set(values) == set(dimension_set)
            if is_metric and values[dimension_set[0]] == self._stack:
                combinations.append(tuple(values[dimension] for dimension in dimension_set[1:]))
        return sorted(combinations)

    def _between(self, key: Key, start: float, end: float) -> Iterator[_Bucket]:
        for number, bucket in self._buckets.get(key, {}).items():
            if start <= number * BUCKET_SECONDS < end:
                yield bucket


def _statistic(name: str, buckets: list[_Bucket]) -> float:
    count, total = sum(bucket.count for bucket in buckets), sum(bucket.total for bucket in buckets)
    match name:
        case "Sum":
            return total
        case "SampleCount":
            return float(count)
        case "Average":
            return total / count
        case "Minimum":
            return min(bucket.least for bucket in buckets)
        case "Maximum":
            return max(bucket.most for bucket in buckets)
        case _ if name.startswith("p"):
            return _percentile(float(name[1:]), buckets)
        case _:
            raise ValueError(f"unknown statistic {name}")


def _percentile(percent: float, buckets: list[_Bucket]) -> float:
    """Return the smallest value that at least `percent` percent do not exceed (nearest rank)."""
    merged: defaultdict[int, int] = defaultdict(int)
    for bucket in buckets:
        for power, count in bucket.distribution.items():
            merged[power] += count
    seen = sum(bucket.not_positive for bucket in buckets)
    rank = max(ceil(percent / 100 * (seen + sum(merged.values()))), 1)
    most = max(bucket.most for bucket in buckets)
    if seen >= rank:
        return 0.0
    for power in sorted(merged):
        seen += merged[power]
        if seen >= rank:
            return min(float(1.02**power), most)
    raise AssertionError("the rank is at most the number of values")
