"""The parts of a dashboard."""

from dataclasses import dataclass
from typing import Literal

from observability.alarms.types import Alarm
from observability.metrics.expressions import Expression, Search, statistics
from observability.metrics.references import OwnMetric

View = Literal["timeSeries", "singleValue"]
FULL_WIDTH = 24
HALF, THIRD, QUARTER = 12, 8, 6
_MAY_BE_NEGATIVE = ("top_score", "score_spread")


class BadGraph(ValueError):
    """CloudWatch would show nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a graph, or one for each metric that a search returns.

    Attributes:
        label: in the legend; the lines of a search are labelled with their version and variant.
        value: the value to draw.
    """

    label: str
    value: Expression | Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A graph, or its newest value as a number.

    Attributes:
        title: above the graph.
        lines: of the graph.
        width: of 24 columns.
        view: a graph over time, or the newest value.
        period: seconds of a data point.
        stacked: whether lines stand on each other.
        limit: name and value of a horizontal line, such as an objective.

    Raises:
        BadGraph: a percentile of a metric that may be negative; CloudWatch has none.
    """

    title: str
    lines: tuple[Line, ...]
    width: int = THIRD
    view: View = "timeSeries"
    period: int = 300
    stacked: bool = False
    limit: tuple[str, float] | None = None

    def __post_init__(self) -> None:
        for line in self.lines:
            for metric, statistic in _own_statistics(line.value):
                if statistic.startswith("p") and metric in _MAY_BE_NEGATIVE:
                    raise BadGraph(f"{self.title}: CloudWatch has no {statistic} of {metric}, which may be negative")


@dataclass(frozen=True, slots=True)
class AlarmList:
    """The states of alarms. An alarm with a condition is listed where it exists; the first one has none."""

    title: str
    alarms: tuple[Alarm, ...]
    width: int = FULL_WIDTH


@dataclass(frozen=True, slots=True)
class Text:
    """A line of Markdown."""

    markdown: str
    width: int = FULL_WIDTH


Widget = Graph | AlarmList | Text
Row = tuple[Widget, ...]
"""Widgets from left to right, at most 24 columns together."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard.

    Attributes:
        name: kebab-case; the deployed name begins with the function's name.
        rows: from top to bottom.
        store_rows: the last row for a serverless store and the one for a store of nodes; None without such a row.
    """

    name: str
    rows: tuple[Row, ...]
    store_rows: tuple[Row, Row] | None = None


def _own_statistics(value: Expression | Search) -> list[tuple[str, str]]:
    """Return name and statistic of each of our metrics in a value."""
    if isinstance(value, Search):
        return [(value.metric.name, value.statistic)]
    stats = statistics(value)
    return [(stat.reference.name, stat.statistic) for stat in stats if isinstance(stat.reference, OwnMetric)]
