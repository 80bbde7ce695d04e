"""The dashboard for Grafana: the graphs of CloudWatch's dashboards, a row for each of them, and one for workers.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
Lines that Prometheus cannot compute are left out, and so are graphs without lines.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from nextitem.telemetry import metrics, prometheus
from nextitem.telemetry.metrics import BY_VERSION
from observability.alarms.container import OBJECTIVE_P99_MS
from observability.alarms.types import MINUTE
from observability.dashboards.learning import DRIFT_ROWS
from observability.dashboards.lines import indicator_line, sum_line
from observability.dashboards.widgets import FULL_WIDTH, THIRD, AlarmList, Graph, Line, Row, Text, Widget
from observability.metrics.expressions import Number, Plus, Search, Share, Stat, statistics
from observability.metrics.indicators import LATENCY_P99
from observability.rendering.promql import NotExpressible, duration, promql, search_promql
from observability.rendering.template import DASHBOARDS

SCHEMA_VERSION = 39
"""Of Grafana 10.4 and later, which migrate it to their own."""
STACK = 'stack="$stack"'
"""Every panel shows the stack that is chosen above the dashboard."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRAPH_HEIGHT, NUMBER_HEIGHT, TEXT_HEIGHT, ROW_HEIGHT = 8, 4, 2, 1

WORKERS: Row = (
    Graph(
        title="Refused because too many are waiting",
        lines=(sum_line("refused", metrics.OVERLOADED),),
        period=MINUTE,
    ),
    Graph(
        title="p99 inside a worker",
        lines=(indicator_line(LATENCY_P99),),
        period=MINUTE,
        limit=("objective", OBJECTIVE_P99_MS),
    ),
)


def grafana_dashboard() -> dict[str, Any]:
    """Return the dashboard's JSON as data."""
    return {
        "uid": "nextitem",
        "title": "nextitem",
        "description": "Written by `make observability`, do not edit",
        "tags": ["nextitem"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "templating": {"list": [_datasource_variable(), _stack_variable()]},
        "panels": list(_panels()),
    }


def left_out() -> list[str]:
    """Return the titles of the graphs that Prometheus cannot compute, and of lines of others: `Errors: API 5xx`."""
    titles = []
    for dashboard in DASHBOARDS:
        for widget in (widget for row in (*dashboard.rows, *(dashboard.store_rows or ())) for widget in row):
            if isinstance(widget, Graph):
                missing = [line for line in widget.lines if _target(line, widget.period) is None]
                if len(missing) == len(widget.lines):
                    titles.append(widget.title)
                else:
                    titles += [f"{widget.title}: {line.label}" for line in missing]
    return titles


def _panels() -> Iterator[dict[str, Any]]:
    ids, y = count(1), 0
    sections: list[tuple[str, Sequence[Row]]] = [(dashboard.name, dashboard.rows) for dashboard in DASHBOARDS]
    for title, rows in (*sections, ("workers", (WORKERS,))):
        yield {"id": next(ids), **_place("row", title, 0, y, FULL_WIDTH, ROW_HEIGHT), "collapsed": False, "panels": []}
        y += ROW_HEIGHT
        for row in rows:
            if row in DRIFT_ROWS:  # the learning loop measures it; its text would stand alone
                continue
            x, height = 0, 0
            for panel in filter(None, map(_panel, row)):
                place = panel["gridPos"]
                place |= {"x": x, "y": y}
                x, height = x + place["w"], max(height, place["h"])
                yield {"id": next(ids), **panel}
            if title == "workers":
                yield {"id": next(ids), **_load_panel(x, y)}
            y += height


def _panel(widget: Widget) -> dict[str, Any] | None:
    """Return a widget's panel at the top left, None if Prometheus can compute none of its lines."""
    match widget:
        case Text(markdown):
            panel = _place("text", "", 0, 0, widget.width, TEXT_HEIGHT)
            return panel | {"options": {"mode": "markdown", "content": markdown}}
        case AlarmList(title):
            expression = f'max by (alertname, severity) (ALERTS{{alertname=~"Nextitem.+",alertstate="firing",{STACK}}})'
            panel = _place("timeseries", title, 0, 0, widget.width, GRAPH_HEIGHT)
            return panel | _queries([_query(0, expression, "{{severity}} {{alertname}}")], MINUTE, "short")
        case Graph():
            return _graph(widget)


def _graph(graph: Graph) -> dict[str, Any] | None:
    is_number = graph.view == "singleValue"
    written = [(line, _target(line, graph.period)) for line in graph.lines]
    queries = [
        {**_query(number, expression, _legend(line)), **({"instant": True} if is_number else {})}
        for number, (line, expression) in enumerate(written)
        if expression is not None
    ]
    if not queries:
        return None
    kind, height = ("stat", NUMBER_HEIGHT) if is_number else ("timeseries", GRAPH_HEIGHT)
    unit = next(_unit(line) for line, expression in written if expression is not None)
    panel = _place(kind, graph.title, 0, 0, graph.width, height) | _queries(queries, graph.period, unit)
    defaults = panel["fieldConfig"]["defaults"]
    if graph.stacked:
        defaults["custom"] = {"stacking": {"mode": "normal", "group": "A"}, "fillOpacity": 30}
    if graph.limit is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": graph.limit[1]}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["custom"] = {**defaults.get("custom", {}), "thresholdsStyle": {"mode": "line"}}
        panel["description"] = f"The line is {graph.limit[0]}: {graph.limit[1]:g}"
    return panel


def _load_panel(x: int, y: int) -> dict[str, Any]:
    """Return the panel of the gauges: values at a moment, for which CloudWatch's expressions have no form."""
    queries = [
        _query(number, f"sum by (stack) ({gauge.name}{{{STACK}}})", gauge.meaning)
        for number, gauge in enumerate(prometheus.GAUGES)
    ]
    panel = _place("timeseries", "Requests in workers", x, y, THIRD, GRAPH_HEIGHT)
    return panel | _queries(queries, MINUTE, "short")


def _target(line: Line, seconds: int) -> str | None:
    """Return a line's query, None if Prometheus cannot compute it."""
    try:
        if isinstance(line.value, Search):
            return search_promql(line.value, seconds, STACK)
        return promql(line.value, seconds, STACK)
    except NotExpressible:
        return None


def _legend(line: Line) -> str:
    if not isinstance(line.value, Search):
        return line.label
    return "{{model_version}} {{variant}}" if line.value.dimension_set == BY_VERSION else "{{placement}}"


def _unit(line: Line) -> str:
    value = line.value
    used = [(value.metric.name, value.statistic)] if isinstance(value, Search) else []
    if not isinstance(value, Search):
        used = [(stat.reference.name, stat.statistic) for stat in statistics(value)]
    if any(name.endswith("_ms") for name, _ in used):
        return "ms"
    counts = {metric.name for metric in prometheus.EXPOSED if metric.unit == "Count"}
    is_average = isinstance(value, Search | Stat) and value.statistic == "Average" and used[0][0] in counts
    is_rest = isinstance(value, Plus) and any(isinstance(term, Number) for term in value.terms)
    return "percentunit" if is_average or is_rest or isinstance(value, Share) else "short"


def _query(number: int, expression: str, legend: str) -> dict[str, Any]:
    return {"refId": chr(ord("A") + number), "datasource": DATASOURCE, "expr": expression, "legendFormat": legend}


def _queries(targets: list[dict[str, Any]], seconds: int, unit: str) -> dict[str, Any]:
    return {
        "datasource": DATASOURCE,
        "interval": duration(seconds),
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
    }


def _place(kind: str, title: str, x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"type": kind, "title": title, "gridPos": {"x": x, "y": y, "w": width, "h": height}}


def _datasource_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}


def _stack_variable() -> dict[str, Any]:
    query = "label_values(nextitem_requests_total, stack)"
    return {
        "name": "stack",
        "label": "Stack",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": "stack"},
        "definition": query,
        "refresh": 2,
        "current": {},
    }
