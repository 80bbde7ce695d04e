"""The dashboard for the person on call."""

from nextitem.telemetry import metrics
from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.objectives import LATENCY
from observability.alarms.types import MINUTE, Alarm
from observability.dashboards.lines import aws_line, indicator_line, statistic_lines, sum_line, version_graph
from observability.dashboards.widgets import HALF, AlarmList, Dashboard, Graph, Line, Row
from observability.metrics import aws_metrics
from observability.metrics import indicators as slis
from observability.metrics.references import AwsMetric

_COMPOSITES_FIRST: tuple[Alarm, ...] = (*COMPOSITES, *ALARMS)
_NOTIFYING = tuple(alarm for alarm in _COMPOSITES_FIRST if alarm.notifies is not None)


def _graph(title: str, *lines: Line, limit: tuple[str, float] | None = None, stacked: bool = False) -> Graph:
    return Graph(title=title, lines=lines, period=MINUTE, limit=limit, stacked=stacked)


def _node_graph(title: str, nodes: tuple[AwsMetric, ...]) -> Graph:
    lines = tuple(aws_line(f"node {number}", metric, "Average") for number, metric in enumerate(nodes, start=1))
    return Graph(title=title, lines=lines, width=HALF)


_REQUESTS: Row = (
    _graph(
        "Latency inside the function",
        *map(indicator_line, (slis.LATENCY_P50, slis.LATENCY_P95, slis.LATENCY_P99)),
        limit=("slow", metrics.SLOW_MS),
    ),
    _graph(
        "Slow and failed requests",
        *map(indicator_line, (slis.SLOW_SHARE, slis.FAILED_SHARE)),
        limit=("error budget of latency", LATENCY.budget),
    ),
    _graph(
        "Errors",
        sum_line("5xx answers", metrics.SERVER_ERRORS),
        aws_line("function errors", aws_metrics.ERRORS),
        aws_line("API 5xx", aws_metrics.API_5XX),
        aws_line("API 4xx", aws_metrics.API_4XX),
        sum_line("refused", metrics.REFUSED),
    ),
)
_VERSIONS: Row = (
    _graph("Served by", *map(indicator_line, slis.SERVED_BY.values()), stacked=True),
    version_graph("Requests by version", metrics.REQUESTS, "Sum"),
    version_graph("p95 by version", metrics.TOTAL, "p95"),
)
_CAPACITY: Row = (
    _graph(
        "Cold starts",
        sum_line("cold starts", metrics.COLD_STARTS),
        *statistic_lines(metrics.COLD_MODEL, "p95"),
    ),
    _graph(
        "Throttles and concurrency",
        aws_line("throttles", aws_metrics.THROTTLES),
        aws_line("beyond provisioned", aws_metrics.SPILLOVER),
        aws_line("concurrent", aws_metrics.CONCURRENCY, "Maximum"),
    ),
    _graph(
        "API latency (API Gateway and function)",
        *(aws_line(statistic, aws_metrics.API_LATENCY, statistic) for statistic in ("p95", "p99")),
    ),
)
_STORE: Row = (
    _graph(
        "Session store",
        indicator_line(slis.STORE_FAULT_SHARE),
        sum_line("route faults", metrics.ROUTE_FAULTS),
    ),
    _graph("Reading and replaying a session's state", *statistic_lines(metrics.RESTORE, "p50", "p95", "p99")),
    _graph("Waiting for the store", *statistic_lines(metrics.STORE_READ, "p50", "p95", "p99")),
)
_SERVERLESS_STORE: Row = (
    Graph(title="Store: data in bytes", lines=(aws_line("bytes", aws_metrics.STORE_BYTES, "Average"),)),
    Graph(title="Store: processing units", lines=(aws_line("ECPU", aws_metrics.STORE_UNITS),)),
    Graph(title="Store: throttled commands", lines=(aws_line("throttled", aws_metrics.STORE_THROTTLED),)),
)
_STORE_NODES: Row = (
    _node_graph("Store: engine CPU, %", aws_metrics.NODE_CPU),
    _node_graph("Store: memory, %", aws_metrics.NODE_MEMORY),
)

ON_CALL = Dashboard(
    "on-call",
    ((AlarmList("Alarms that page or open a ticket", _NOTIFYING),), _REQUESTS, _VERSIONS, _CAPACITY, _STORE),
    store_rows=(_SERVERLESS_STORE, _STORE_NODES),
)
