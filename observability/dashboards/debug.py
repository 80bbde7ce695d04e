"""The dashboard for finding a cause."""

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import Metric
from observability.dashboards.learning import DRIFT_ROWS
from observability.dashboards.lines import indicator_line, placement_graph, statistic_lines, sum_line, version_graph
from observability.dashboards.widgets import Dashboard, Graph, Line, Text
from observability.metrics.expressions import Stat
from observability.metrics.indicators import RECIPROCAL_RANK, UNKNOWN_SHARE
from observability.metrics.references import OwnMetric

_COLD_PHASES = (
    metrics.COLD_PROCESS,
    metrics.COLD_IMPORT,
    metrics.COLD_MODEL,
    metrics.COLD_FIRST,
    metrics.COLD_RESTORE,
)


def _p95_graph(title: str, phases: tuple[Metric, ...]) -> Graph:
    return Graph(title=title, lines=tuple(Line(metric.name, Stat(OwnMetric(metric), "p95")) for metric in phases))


DEBUG = Dashboard(
    "debug",
    (
        (Text("Time by phase, input and scores of the model. Graphs by version have a line for each variant too."),),
        (
            _p95_graph("Phases, p95", metrics.PHASE_METRICS),
            _p95_graph("Phases of a cold start, p95", _COLD_PHASES),
            Graph(title="Replayed events", lines=statistic_lines(metrics.REPLAYED, "p50", "p95", "Maximum")),
        ),
        (
            Graph(
                title="Events",
                lines=(
                    sum_line("unknown items", metrics.UNKNOWN),
                    sum_line("duplicates", metrics.DUPLICATES),
                    sum_line("late", metrics.LATE),
                ),
            ),
            Graph(
                title="Unknown items per request",
                lines=(indicator_line(UNKNOWN_SHARE),),
            ),
            Graph(title="First score", lines=statistic_lines(metrics.TOP_SCORE, "Minimum", "Average", "Maximum")),
        ),
        (
            Graph(title="Score spread", lines=statistic_lines(metrics.SCORE_SPREAD, "Minimum", "Average", "Maximum")),
            version_graph("First score by version", metrics.TOP_SCORE, "Average"),
            version_graph("Score spread by version", metrics.SCORE_SPREAD, "Average"),
        ),
        (
            version_graph("Online hit@20 by version", metrics.HITS, "Average"),
            version_graph("Mean reciprocal rank by version", metrics.RECIPROCAL_RANK, "Average"),
            version_graph("Click-through by version", metrics.CLICKS, "Average"),
        ),
        (
            Graph(
                title="Conversions of recommended items",
                lines=tuple(sum_line(kind, metric) for kind, metric in metrics.CONVERSION_METRICS.items()),
            ),
            version_graph("Recommended items bought, by version", metrics.PURCHASE_CONVERSIONS, "Sum"),
            version_graph("Recommended items put in the cart, by version", metrics.CART_CONVERSIONS, "Sum"),
        ),
        (
            placement_graph("Click-through by placement", metrics.CLICKS, "Average"),
            placement_graph("Recommended items bought, by placement", metrics.PURCHASE_CONVERSIONS, "Sum"),
            placement_graph("Recommended items put in the cart, by placement", metrics.CART_CONVERSIONS, "Sum"),
        ),
        (
            version_graph("Slow share by version", metrics.SLOW, "Average"),
            version_graph("p99 by version", metrics.TOTAL, "p99"),
            version_graph("Answers with feedback by version", metrics.LABELS, "Sum"),
        ),
        (
            version_graph("5xx answers by version", metrics.SERVER_ERRORS, "Sum"),
            Graph(title="Mean reciprocal rank", lines=(indicator_line(RECIPROCAL_RANK),)),
            Graph(title="Refused requests", lines=(sum_line("refused", metrics.REFUSED),)),
        ),
        *DRIFT_ROWS,
    ),
)
