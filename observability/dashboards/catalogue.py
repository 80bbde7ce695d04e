"""Our three dashboards: for those who own the shop, for who is on call, and for who looks for a cause."""

from model_export.cost.prices import AS_OF, HTTP_API_REQUEST, LAMBDA_GB_SECOND, LAMBDA_REQUEST
from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_VERSION, DimensionSet, Metric
from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.objectives import LATENCY
from observability.alarms.store import STORE_IS_NODES, STORE_IS_SERVERLESS
from observability.dashboards.widgets import AlarmList, Dashboard, Graph, Line, Text
from observability.metrics import aws_metrics
from observability.metrics import indicators as slis
from observability.metrics.expressions import Expression, Filled, Number, Parameter, Plus, Search, Share, Stat, Times
from observability.metrics.indicators import Indicator, total
from observability.metrics.references import Emitted, FromAws

HOUR, DAY = 3_600, 86_400
_HALF, _THIRD, _QUARTER = 12, 8, 6


def _aws(metric: FromAws, statistic: str = "Sum") -> Stat:
    return Stat(metric, statistic)


def _line(indicator: Indicator) -> Line:
    return Line(indicator.title, indicator.expression)


def _spread(metric: Metric, *names: str) -> tuple[Line, ...]:
    return tuple(Line(f"{metric.name} {name}", Stat(Emitted(metric), name)) for name in names)


def _by_version(title: str, metric: Metric, statistic: str, dimension_set: DimensionSet = BY_VERSION) -> Graph:
    return Graph(title=title, lines=(Line("", Search(metric, dimension_set, statistic)),), width=_THIRD)


def _number(indicator: Indicator, period: int = HOUR) -> Graph:
    return Graph(title=indicator.title, lines=(_line(indicator),), width=_QUARTER, view="singleValue", period=period)


_INVOCATIONS = Filled(_aws(aws_metrics.INVOCATIONS))
COMPUTE_COST: Expression = Share(
    Times((_aws(aws_metrics.DURATION), Parameter("MemorySize"), Number(LAMBDA_GB_SECOND))),
    Number(1000 * 1024),  # milliseconds and megabytes
)
REQUEST_COST: Expression = Times((_INVOCATIONS, Number(LAMBDA_REQUEST)))
API_COST: Expression = Times((Filled(_aws(aws_metrics.API_COUNT)), Number(HTTP_API_REQUEST)))

EXECUTIVE = Dashboard(
    "executive",
    (
        (
            Graph(
                title="requests",
                lines=(Line("requests", slis.REQUESTS),),
                width=_QUARTER,
                view="singleValue",
                period=DAY,
            ),
            _number(slis.HIT_RATE, DAY),
            _number(slis.CLICK_RATE, DAY),
            _number(slis.FAILED_SHARE, DAY),
        ),
        (
            Graph(title="Requests an hour", lines=(Line("requests", slis.REQUESTS),), width=_HALF, period=HOUR),
            Graph(
                title="Requests within the service level",
                lines=(
                    Line(
                        "fast enough",
                        Plus((Number(1), Times((Number(-1), slis.SLOW_SHARE.expression)))),
                    ),
                    Line("answered", Plus((Number(1), Times((Number(-1), slis.FAILED_SHARE.expression))))),
                ),
                width=_HALF,
                period=HOUR,
                limit=("objective", LATENCY.target),
            ),
        ),
        (
            Graph(title="Online hit@20", lines=(_line(slis.HIT_RATE),), width=_THIRD, period=HOUR),
            Graph(title="Click-through", lines=(_line(slis.CLICK_RATE),), width=_THIRD, period=HOUR),
            Graph(
                title=f"Estimated cost a day, US dollars (list prices of {AS_OF}: function and API alone)",
                lines=(Line("compute", COMPUTE_COST), Line("invocations", REQUEST_COST), Line("API", API_COST)),
                width=_THIRD,
                period=DAY,
                stacked=True,
            ),
        ),
    ),
)

_TOLD = (
    *(alarm.name for alarm in COMPOSITES if alarm.notifies is not None),
    *(alarm.name for alarm in ALARMS if alarm.notifies is not None and alarm.condition is None),
)

ON_CALL = Dashboard(
    "on-call",
    (
        (AlarmList("What pages and what writes tickets", _TOLD),),
        (
            Graph(
                title="Latency inside the function",
                lines=(_line(slis.LATENCY_P50), _line(slis.LATENCY_P95), _line(slis.LATENCY_P99)),
                limit=("slow", metrics.SLOW_MS),
                period=60,
            ),
            Graph(
                title="Slow and failed requests",
                lines=(_line(slis.SLOW_SHARE), _line(slis.FAILED_SHARE)),
                limit=("budget of slow ones", LATENCY.budget),
                period=60,
            ),
            Graph(
                title="Errors",
                lines=(
                    Line("5xx answers", total(metrics.SERVER_ERRORS)),
                    Line("function errors", _aws(aws_metrics.ERRORS)),
                    Line("API 5xx", _aws(aws_metrics.API_5XX)),
                    Line("API 4xx", _aws(aws_metrics.API_4XX)),
                    Line("refused", total(metrics.REFUSED)),
                ),
                period=60,
            ),
        ),
        (
            Graph(
                title="Served by", lines=tuple(_line(each) for each in slis.SERVED_BY.values()), stacked=True, period=60
            ),
            _by_version("Requests by version", metrics.REQUESTS, "Sum"),
            _by_version("p95 by version", metrics.TOTAL, "p95"),
        ),
        (
            Graph(
                title="Cold starts",
                lines=(Line("cold starts", total(metrics.COLD_STARTS)), *_spread(metrics.COLD_MODEL, "p95")),
                period=60,
            ),
            Graph(
                title="Throttles and concurrency",
                lines=(
                    Line("throttles", _aws(aws_metrics.THROTTLES)),
                    Line("beyond provisioned", _aws(aws_metrics.SPILLOVER)),
                    Line("concurrent", _aws(aws_metrics.CONCURRENCY, "Maximum")),
                ),
                period=60,
            ),
            Graph(
                title="API latency, as clients see it",
                lines=(
                    Line("p95", _aws(aws_metrics.API_LATENCY, "p95")),
                    Line("p99", _aws(aws_metrics.API_LATENCY, "p99")),
                ),
                period=60,
            ),
        ),
        (
            Graph(
                title="Session store",
                lines=(_line(slis.STORE_FAULT_SHARE), Line("route faults", total(metrics.ROUTE_FAULTS))),
                period=60,
            ),
            Graph(title="State restored", lines=_spread(metrics.RESTORE, "p50", "p95", "p99"), period=60),
            Graph(title="Waiting for the store", lines=_spread(metrics.STORE_READ, "p50", "p95", "p99"), period=60),
        ),
    ),
    conditional=(
        (
            STORE_IS_SERVERLESS,
            (
                Graph(title="Store: data, bytes", lines=(Line("bytes", _aws(aws_metrics.STORE_BYTES, "Average")),)),
                Graph(title="Store: processing units", lines=(Line("ECPU", _aws(aws_metrics.STORE_UNITS)),)),
                Graph(title="Store: throttled commands", lines=(Line("throttled", _aws(aws_metrics.STORE_THROTTLED)),)),
            ),
        ),
        (
            STORE_IS_NODES,
            (
                Graph(
                    title="Store: engine's processor, %",
                    lines=tuple(Line(f"node {n}", _aws(m, "Average")) for n, m in enumerate(aws_metrics.NODE_CPU, 1)),
                    width=_HALF,
                ),
                Graph(
                    title="Store: memory, %",
                    lines=tuple(
                        Line(f"node {n}", _aws(m, "Average")) for n, m in enumerate(aws_metrics.NODE_MEMORY, 1)
                    ),
                    width=_HALF,
                ),
            ),
        ),
    ),
)

DEBUG = Dashboard(
    "debug",
    (
        (Text("Where time goes, and what the model is asked. By version: one line for each version and variant."),),
        (
            Graph(
                title="Phases, p95",
                lines=tuple(Line(metric.name, Stat(Emitted(metric), "p95")) for metric in metrics.PHASE_METRICS),
            ),
            Graph(
                title="Phases of a cold start, p95",
                lines=tuple(
                    Line(metric.name, Stat(Emitted(metric), "p95"))
                    for metric in (
                        metrics.COLD_PROCESS,
                        metrics.COLD_IMPORT,
                        metrics.COLD_MODEL,
                        metrics.COLD_FIRST,
                        metrics.COLD_RESTORE,
                    )
                ),
            ),
            Graph(title="Replayed events", lines=_spread(metrics.REPLAYED, "p50", "p95", "Maximum")),
        ),
        (
            Graph(
                title="Events",
                lines=(
                    Line("unknown items", total(metrics.UNKNOWN)),
                    Line("duplicates", total(metrics.DUPLICATES)),
                    Line("late", total(metrics.LATE)),
                ),
            ),
            Graph(
                title="Unknown items per request that appends",
                lines=(Line("unknown items", Stat(Emitted(metrics.UNKNOWN), "Average")),),
            ),
            Graph(title="First score", lines=_spread(metrics.TOP_SCORE, "Minimum", "Average", "Maximum")),
        ),
        (
            Graph(title="Score spread", lines=_spread(metrics.SCORE_SPREAD, "Minimum", "Average", "Maximum")),
            _by_version("First score by version", metrics.TOP_SCORE, "Average"),
            _by_version("Score spread by version", metrics.SCORE_SPREAD, "Average"),
        ),
        (
            _by_version("Online hit@20 by version", metrics.HITS, "Average"),
            _by_version("Mean reciprocal rank by version", metrics.RECIPROCAL_RANK, "Average"),
            _by_version("Click-through by version", metrics.CLICKS, "Average"),
        ),
        (
            _by_version("Slow share by version", metrics.SLOW, "Average"),
            _by_version("p99 by version", metrics.TOTAL, "p99"),
            _by_version("Judged answers by version", metrics.LABELS, "Sum"),
        ),
        (
            _by_version("5xx answers by version", metrics.SERVER_ERRORS, "Sum"),
            Graph(title="Mean reciprocal rank", lines=(_line(slis.RECIPROCAL_RANK),)),
            Graph(title="Refused requests", lines=(Line("refused", total(metrics.REFUSED)),)),
        ),
    ),
)

DASHBOARDS: tuple[Dashboard, ...] = (EXECUTIVE, ON_CALL, DEBUG)
