"""Times contenders interleaved and prints medians and ratios. Knows nothing of what it times."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

MS = 1000.0


@dataclass(frozen=True)
class Timed:
    """Milliseconds of one contender."""

    median: float
    p99: float


def interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timed]:
    """Run every contender once in each round and return what they took; the first tenth of the rounds warms up."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(rounds + rounds // 10):
        for name, run in contenders.items():
            begun = time.perf_counter()
            run()
            if round_ >= rounds // 10:
                taken[name].append((time.perf_counter() - begun) * MS)
    return {name: summary(times) for name, times in taken.items()}


def summary(milliseconds: list[float]) -> Timed:
    """Return median and 99th percentile of some times."""
    ordered = sorted(milliseconds)
    return Timed(statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))])


def print_timed(title: str, timed: Mapping[str, Timed], ours: str) -> None:
    """Print a table of contenders, with each median as a multiple of ours."""
    table = Table("", "median ms", "p99 ms", f"times {ours}", title=title)
    for name, one in timed.items():
        ratio = one.median / timed[ours].median
        table.add_row(name, f"{one.median:.3f}", f"{one.p99:.3f}", f"{ratio:.2f}")
    Console().print(table)


def print_shares(title: str, metrics: Mapping[str, list[float]], total: str, phases: Sequence[str]) -> None:
    """Print a table of phases: median, p99, and each one's share of all the time, the rest of it included.

    Args:
        title: of the table.
        metrics: milliseconds of each metric, one value a request.
        total: the metric that is the whole.
        phases: metrics that are parts of it.
    """
    whole = sum(metrics[total])
    rest = [taken - sum(parts) for taken, *parts in zip(*(metrics[name] for name in (total, *phases)), strict=True)]
    table = Table("", "median ms", "p99 ms", "share", title=f"{title}, {len(rest)} requests")
    for name, times in ((total, metrics[total]), *((name, metrics[name]) for name in phases), ("the rest", rest)):
        one = summary(times)
        table.add_row(name, f"{one.median:.3f}", f"{one.p99:.3f}", f"{sum(times) / whole:.1%}")
    Console().print(table)
