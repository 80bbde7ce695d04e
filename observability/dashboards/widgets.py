"""What a dashboard is made of. Knows no dashboard of ours and no JSON."""

from dataclasses import dataclass
from typing import Literal

from observability.metrics.expressions import Expression, Search, Stat, statistics
from observability.metrics.references import Emitted

View = Literal["timeSeries", "singleValue"]
FULL_WIDTH = 24


class BadGraph(ValueError):
    """CloudWatch would show nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a graph, or one for each metric that a search finds.

    Attributes:
        label: in the legend; a search's lines are named by their version and variant.
        value: what is drawn.
    """

    label: str
    value: Expression | Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A graph or a row of numbers.

    Attributes:
        title: what it shows.
        lines: of it.
        width: of 24 columns.
        view: a graph over time, or the newest value.
        period: seconds of a data point.
        stacked: whether lines stand on each other.
        limit: a line drawn across, such as an objective, with its name.

    Raises:
        BadGraph: a percentile of a metric that may be negative, of which CloudWatch has none.
    """

    title: str
    lines: tuple[Line, ...]
    width: int = 8
    view: View = "timeSeries"
    period: int = 300
    stacked: bool = False
    limit: tuple[str, float] | None = None

    def __post_init__(self) -> None:
        for line in self.lines:
            for metric, statistic in _shown(line.value):
                if statistic.startswith("p") and metric in ("top_score", "score_spread"):
                    raise BadGraph(f"{self.title}: {statistic} of {metric}, which may be negative")


@dataclass(frozen=True, slots=True)
class AlarmList:
    """The states of alarms, by name."""

    title: str
    alarms: tuple[str, ...]
    width: int = FULL_WIDTH


@dataclass(frozen=True, slots=True)
class Text:
    """A line of Markdown."""

    markdown: str
    width: int = FULL_WIDTH


Widget = Graph | AlarmList | Text


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard.

    Attributes:
        name: kebab-case; deployed, the function's name stands before it.
        rows: widgets from left to right, each row at most 24 columns wide.
        conditional: rows that stand at the end under a condition of the template, by its name.
    """

    name: str
    rows: tuple[tuple[Widget, ...], ...]
    conditional: tuple[tuple[str, tuple[Widget, ...]], ...] = ()


def _shown(value: Expression | Search) -> list[tuple[str, str]]:
    if isinstance(value, Search):
        return [(value.metric.name, value.statistic)]
    found: tuple[Stat, ...] = statistics(value)
    return [(stat.reference.name, stat.statistic) for stat in found if isinstance(stat.reference, Emitted)]
