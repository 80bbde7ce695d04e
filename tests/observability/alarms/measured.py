"""Made-up measurements: sums for each minute of traffic."""

from collections.abc import Callable

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import Metric
from observability.metrics.expressions import Stat

NOW = 1_800_000_000.0
"""Epoch seconds; any moment would do."""
Minutes = Callable[[int], dict[Metric, float]]
"""Returns the sums of a minute, by its distance from now in minutes (0: the last); empty without traffic."""


class ByMinute:
    """Sums of each minute before NOW, over the whole service."""

    def __init__(self, sums: Minutes) -> None:
        self._sums = sums

    def statistic(self, stat: Stat, start: float, end: float) -> float | None:
        """Return the sum or the mean over a window of whole minutes."""
        first, last = round((NOW - end) / 60), round((NOW - start) / 60)
        minutes = [self._sums(minute) for minute in range(first, last)]
        values = [minute[metric] for minute in minutes for metric in minute if metric.name == stat.reference.name]
        if not values:
            return None
        return sum(values) if stat.statistic == "Sum" else sum(values) / len(values)


def traffic(requests: float, **others: float) -> dict[Metric, float]:
    """Return a minute's sums: requests, and others by their metric's name (0 if every record has the metric)."""
    by_name = {metric.name: metric for metric in metrics.METRICS}
    always = {metric: 0.0 for metric in metrics.METRICS if metric.always}
    return always | {metrics.REQUESTS: requests} | {by_name[name]: value for name, value in others.items()}
