"""Time contenders interleaved and print medians and ratios."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

MS = 1000.0
BURST = 20
"""Measured requests of one contender in its turn, in `time_in_bursts`."""
WARM = 2
"""Requests before them, which load its weights into the caches again."""


@dataclass(frozen=True)
class Timed:
    """Milliseconds of one contender."""

    median: float
    p99: float


def time_interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timed]:
    """Run every contender once in each round and return the times; the first tenth of the rounds is warm-up."""
    milliseconds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(rounds + rounds // 10):
        for name, run in contenders.items():
            begun = time.perf_counter()
            run()
            if round_ >= rounds // 10:
                milliseconds[name].append((time.perf_counter() - begun) * MS)
    return {name: summary(times) for name, times in milliseconds.items()}


def time_in_bursts(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timed]:
    """Time contenders in turn, several requests each: a function serves one model, whose weights stay in the caches."""
    milliseconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(-(-rounds // BURST)):
        for name, run in contenders.items():
            for _ in range(WARM):
                run()
            for _ in range(BURST):
                begun = time.perf_counter()
                run()
                milliseconds[name].append((time.perf_counter() - begun) * MS)
    return {name: summary(times) for name, times in milliseconds.items()}


def summary(milliseconds: list[float]) -> Timed:
    """Return the median and the 99th percentile."""
    ordered = sorted(milliseconds)
    return Timed(statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))])


def print_timed(title: str, timed: Mapping[str, Timed], reference: str) -> None:
    """Print a table of contenders, with each median as a multiple of the reference's."""
    table = Table("", "median ms", "p99 ms", f"times {reference}", title=title)
    for name, times in timed.items():
        ratio = times.median / timed[reference].median
        table.add_row(name, f"{times.median:.3f}", f"{times.p99:.3f}", f"{ratio:.2f}")
    Console().print(table)


def print_shares(title: str, metrics: Mapping[str, list[float]], total: str, phases: Sequence[str]) -> None:
    """Print a table of phases and the remaining time: median, p99, and share of the total time.

    Args:
        title: of the table.
        metrics: milliseconds of each metric, one value for each request.
        total: the metric of the total time.
        phases: metrics that are parts of it.
    """
    whole = sum(metrics[total])
    rest = [
        duration - sum(parts) for duration, *parts in zip(*(metrics[name] for name in (total, *phases)), strict=True)
    ]
    table = Table("", "median ms", "p99 ms", "share", title=f"{title}, {len(rest)} requests")
    for name, times in ((total, metrics[total]), *((name, metrics[name]) for name in phases), ("the rest", rest)):
        timed = summary(times)
        table.add_row(name, f"{timed.median:.3f}", f"{timed.p99:.3f}", f"{sum(times) / whole:.1%}")
    Console().print(table)
