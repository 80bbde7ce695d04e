"""The dashboard for the owner of the shop."""

from model_export.cost.prices import AS_OF, HTTP_API_REQUEST, LAMBDA_GB_SECOND, LAMBDA_REQUEST
from observability.alarms.objectives import LATENCY
from observability.alarms.types import DAY, HOUR
from observability.dashboards.lines import indicator_line
from observability.dashboards.widgets import HALF, QUARTER, THIRD, Dashboard, Graph, Line, Row
from observability.metrics import aws_metrics
from observability.metrics.expressions import Expression, Filled, Number, Parameter, Plus, Share, Stat, Times
from observability.metrics.indicators import CLICK_RATE, FAILED_SHARE, HIT_RATE, REQUESTS, SLOW_SHARE, Indicator

_REQUESTS_LINE = Line("requests", REQUESTS)


def _number(line: Line) -> Graph:
    return Graph(title=line.label, lines=(line,), width=QUARTER, view="singleValue", period=DAY)


def _good_share(bad: Indicator) -> Expression:
    return Plus((Number(1), Times((Number(-1), bad.expression))))


_COMPUTE_COST = Share(
    Times((Stat(aws_metrics.DURATION, "Sum"), Parameter("MemorySize"), Number(LAMBDA_GB_SECOND))),
    Number(1000 * 1024),  # milliseconds and megabytes
)
_REQUEST_COST = Times((Filled(Stat(aws_metrics.INVOCATIONS, "Sum")), Number(LAMBDA_REQUEST)))
_API_COST = Times((Filled(Stat(aws_metrics.API_COUNT, "Sum")), Number(HTTP_API_REQUEST)))

_NUMBERS: Row = (
    _number(_REQUESTS_LINE),
    *(_number(indicator_line(indicator)) for indicator in (HIT_RATE, CLICK_RATE, FAILED_SHARE)),
)
_TRAFFIC: Row = (
    Graph(title="Requests per hour", lines=(_REQUESTS_LINE,), width=HALF, period=HOUR),
    Graph(
        title="Requests within the service level",
        lines=(Line("fast enough", _good_share(SLOW_SHARE)), Line("answered", _good_share(FAILED_SHARE))),
        width=HALF,
        period=HOUR,
        limit=("objective", LATENCY.target),
    ),
)
_RESULTS: Row = (
    Graph(title="Online hit@20", lines=(indicator_line(HIT_RATE),), width=THIRD, period=HOUR),
    Graph(title="Click-through", lines=(indicator_line(CLICK_RATE),), width=THIRD, period=HOUR),
    Graph(
        title=f"Estimated cost per day in US dollars (list prices of {AS_OF}, function and API only)",
        lines=(Line("compute", _COMPUTE_COST), Line("invocations", _REQUEST_COST), Line("API", _API_COST)),
        width=THIRD,
        period=DAY,
        stacked=True,
    ),
)

EXECUTIVE = Dashboard("executive", (_NUMBERS, _TRAFFIC, _RESULTS))
