"""Measured values over time, kept as CloudWatch keeps them: sums and a distribution for each short while.

Percentiles are exact to 1 %, and windows to ten seconds. Knows no alarm.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil, floor, inf, log

from devstack.top.records import Key, Observation
from nextitem.telemetry.metrics import NAMESPACE, DimensionSet, Metric
from observability.metrics.expressions import Stat

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
    """How many values lie around 1.02 to the power of each key."""
    not_positive: int = 0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)
        if value > 0:
            place = floor(log(value) / _GROWTH + 0.5)
            self.distribution[place] = self.distribution.get(place, 0) + 1
        else:
            self.not_positive += 1


class Series:
    """Every metric's values, by time."""

    def __init__(self) -> None:
        self._buckets: defaultdict[Key, dict[int, _Bucket]] = defaultdict(dict)

    def add(self, observed: Iterable[Observation]) -> None:
        """Take in what was observed."""
        for one in observed:
            bucket = self._buckets[one.key].setdefault(floor(one.at / BUCKET_SECONDS), _Bucket())
            for value in one.values:
                bucket.add(value)

    def forget(self, now: float) -> None:
        """Drop what no window reaches back to."""
        oldest = floor((now - KEPT_SECONDS) / BUCKET_SECONDS)
        for buckets in self._buckets.values():
            for old in [when for when in buckets if when < oldest]:
                del buckets[old]

    def statistic(self, stat: Stat, start: float, end: float) -> float | None:
        """Return a statistic of the values from `start` on and before `end` (epoch seconds); None if there are none.

        Raises:
            ValueError: an unknown statistic.
        """
        reference = stat.reference
        key = (reference.namespace, reference.name, frozenset(reference.dimensions))
        found = list(self._between(key, start, end))
        return _statistic(stat.statistic, found) if found else None

    def values_of(self, metric: Metric, dimension_set: DimensionSet) -> list[tuple[str, ...]]:
        """Return the values that a metric's dimensions after the service have had, sorted."""
        found = []
        for namespace, name, dimensions in self._buckets:
            values = dict(dimensions)
            if (namespace, name) == (NAMESPACE, metric.name) and set(values) == set(dimension_set):
                found.append(tuple(values[dimension] for dimension in dimension_set[1:]))
        return sorted(found)

    def _between(self, key: Key, start: float, end: float) -> Iterator[_Bucket]:
        for when, bucket in self._buckets.get(key, {}).items():
            if start <= when * BUCKET_SECONDS < end:
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
    """Return the least value that so many percent are not above (nearest rank)."""
    merged: defaultdict[int, int] = defaultdict(int)
    for bucket in buckets:
        for place, number in bucket.distribution.items():
            merged[place] += number
    seen = sum(bucket.not_positive for bucket in buckets)
    rank = max(ceil(percent / 100 * (seen + sum(merged.values()))), 1)
    most = max(bucket.most for bucket in buckets)
    for place in sorted(merged):
        if seen >= rank:
            break
        seen += merged[place]
        if seen >= rank:
            return min(float(1.02**place), most)
    return 0.0
