"""Lines and graphs that several dashboards use."""

from nextitem.telemetry.metrics import BY_PLACEMENT, BY_VERSION, Metric
from observability.dashboards.widgets import Graph, Line
from observability.metrics.expressions import Search, Stat
from observability.metrics.indicators import Indicator, total
from observability.metrics.references import AwsMetric, OwnMetric


def indicator_line(indicator: Indicator) -> Line:
    """Return an indicator as a line."""
    return Line(indicator.title, indicator.expression)


def sum_line(label: str, metric: Metric) -> Line:
    """Return the sum of one of our metrics as a line."""
    return Line(label, total(metric))


def aws_line(label: str, metric: AwsMetric, statistic: str = "Sum") -> Line:
    """Return a statistic of an AWS service's metric as a line."""
    return Line(label, Stat(metric, statistic))


def statistic_lines(metric: Metric, *statistics: str) -> tuple[Line, ...]:
    """Return several statistics of a metric, a line each."""
    return tuple(Line(f"{metric.name} {statistic}", Stat(OwnMetric(metric), statistic)) for statistic in statistics)


def version_graph(title: str, metric: Metric, statistic: str) -> Graph:
    """Return a graph with a line for each version and variant."""
    return Graph(title=title, lines=(Line("", Search(metric, BY_VERSION, statistic)),))


def placement_graph(title: str, metric: Metric, statistic: str) -> Graph:
    """Return a graph with a line for each placement that is a dimension of metrics."""
    return Graph(title=title, lines=(Line("", Search(metric, BY_PLACEMENT, statistic)),))
