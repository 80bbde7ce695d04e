"""The rows about drift of the dashboard for finding a cause; they stay empty where nothing measures it."""

from model_export.drift.report import ELEVATED, MAX_SHORTFALL
from nextitem.telemetry import metrics
from observability.dashboards.lines import version_graph
from observability.dashboards.widgets import Graph, Line, Row, Text
from observability.metrics.expressions import Stat
from observability.metrics.references import OwnMetric

DRIFT_ROWS: tuple[Row, ...] = (
    (Text("Drift of live events, with the parameter Learning: scheduled. One value an hour, of the 24 hours before."),),
    (
        Graph(
            title="Distribution that moved most (PSI beyond chance)",
            lines=(Line("PSI", Stat(OwnMetric(metrics.DRIFT_PSI), "Maximum")),),
            limit=("ticket", ELEVATED),
        ),
        Graph(
            title="Hit rate missing, share of what validation promised",
            lines=(Line("shortfall", Stat(OwnMetric(metrics.HIT_RATE_SHORTFALL), "Maximum")),),
            limit=("page", round(MAX_SHORTFALL, 4)),
        ),
        Graph(
            title="Rise of events with unknown items",
            lines=(Line("rise", Stat(OwnMetric(metrics.DRIFT_UNKNOWN), "Maximum")),),
        ),
    ),
    (
        version_graph("PSI by version", metrics.DRIFT_PSI, "Maximum"),
        version_graph("Smoothed hit rate by version", metrics.ONLINE_HIT_RATE, "Average"),
        version_graph("Shortfall by version", metrics.HIT_RATE_SHORTFALL, "Maximum"),
    ),
)
