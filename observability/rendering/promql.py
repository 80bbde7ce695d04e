"""Expressions in Prometheus's query language. Each value is by stack, and times are milliseconds as in CloudWatch.

https://prometheus.io/docs/prometheus/latest/querying/basics/
Containers have no AWS metrics: a term that fills one with 0 is left out, any other use of one cannot be expressed.
"""

from nextitem.telemetry import metrics, prometheus
from nextitem.telemetry.metrics import OVERALL, DimensionSet, Metric
from observability.metrics.expressions import (
    Expression,
    Filled,
    IfAtLeast,
    Number,
    Plus,
    Search,
    Share,
    Stat,
    Times,
)
from observability.metrics.references import AwsMetric, OwnMetric

MAY_FALL = (metrics.TOP_SCORE.name,)
"""Summaries of negative values: their sum falls, so `increase` would take each fall for a restart."""
_RECORDS: dict[str, Metric] = {
    metrics.HITS.name: metrics.LABELS,
    metrics.CLICKS.name: metrics.LABELS,
    metrics.REPLAYED.name: metrics.RESTORE,
}
"""The metric that says how many records have a counter which not every record has."""


class NotExpressible(ValueError):
    """Prometheus cannot compute that from a container's metrics; the text says why."""


def promql(expression: Expression, seconds: int, matchers: str = "") -> str:
    """Write an expression over a period.

    Example:
        `promql(total(metrics.REFUSED), 300)` is `sum by (stack) (increase(nextitem_refused_total[5m]))`

    Args:
        expression: the expression.
        seconds: the period.
        matchers: of labels, for all metrics: ``stack="shop"``.

    Raises:
        NotExpressible: it needs AWS, another process than a container, or a statistic that Prometheus has not.
    """

    def write(part: Expression) -> str:
        return promql(part, seconds, matchers)

    match expression:
        case Stat():
            text = _statistic(expression, seconds, matchers)
        case Filled(stat) if (
            isinstance(stat.reference, OwnMetric) and stat.reference.metric.always and not stat.reference.values
        ):
            text = write(stat)  # it is there wherever requests are
        case Filled(stat):
            text = f"({write(stat)} or 0 * {_sum(metrics.REQUESTS, OVERALL, seconds, matchers)})"
        case Number(value):
            text = f"{value:g}"
        case Plus(terms):
            kept = [write(term) for term in terms if not _is_filled_by_aws(term)]
            if not kept:
                raise NotExpressible("it is a sum of AWS metrics")
            text = kept[0] if len(kept) == 1 else f"({' + '.join(kept)})"
        case Times(factors):
            text = f"({' * '.join(map(write, factors))})"
        case Share(part, whole):
            text = f"({write(part)} / ({write(whole)} > 0))"
        case IfAtLeast(guard, minimum, then, _):
            text = f"({write(then)} and {write(guard)} >= {minimum:g})"  # nothing instead of `otherwise`
        case _:
            raise NotExpressible(f"{type(expression).__name__} is CloudWatch's")
    return text


def search_promql(search: Search, seconds: int, matchers: str = "") -> str:
    """Write a statistic of a metric for each value of a dimension set.

    Raises:
        NotExpressible: as `promql`.
    """
    text = ",".join(filter(None, (matchers, f'{search.dimension_set[-1]}!=""')))
    return _of_metric(search.metric, search.dimension_set, search.statistic, seconds, text)


def duration(seconds: int) -> str:
    """Return a duration as Prometheus writes it: 5m, 1h, 3d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _is_filled_by_aws(term: Expression) -> bool:
    return isinstance(term, Filled) and isinstance(term.stat.reference, AwsMetric)


def _statistic(stat: Stat, seconds: int, matchers: str) -> str:
    reference = stat.reference
    if not isinstance(reference, OwnMetric):
        raise NotExpressible(f"{reference.namespace} {reference.name} is a metric of AWS")
    pairs = zip(reference.dimension_set[1:], reference.values, strict=True)
    text = ",".join(filter(None, (matchers, *(f'{name}="{value}"' for name, value in pairs))))
    return _of_metric(reference.metric, OVERALL, stat.statistic, seconds, text)


def _of_metric(metric: Metric, by: DimensionSet, statistic: str, seconds: int, matchers: str) -> str:
    if metric not in prometheus.EXPOSED:
        raise NotExpressible("the learning loop measures it, not a container")
    kind = prometheus.kind(metric)
    if statistic.startswith("p") and kind == "histogram":
        rates = f"rate({prometheus.base_name(metric)}_bucket{_braces(matchers)}[{duration(seconds)}])"
        quantile = float(statistic[1:]) / 100
        return f"1000 * histogram_quantile({quantile:g}, sum by ({', '.join((*by, 'le'))}) ({rates}))"
    if statistic == "Sum" and kind == "counter":
        return _sum(metric, by, seconds, matchers)
    if statistic == "Average":
        return _average(metric, by, seconds, matchers)
    raise NotExpressible(f"Prometheus has no {statistic} of a {kind}, {metric.name}")


def _average(metric: Metric, by: DimensionSet, seconds: int, matchers: str) -> str:
    if prometheus.kind(metric) != "counter":
        base = prometheus.base_name(metric)
        total, number = (_increase(metric, f"{base}_{ending}", by, seconds, matchers) for ending in ("sum", "count"))
        factor = "1000 * " if metric.unit == "Milliseconds" else ""
        return f"({factor}{total} / ({number} > 0))"
    of_records = metrics.REQUESTS if metric.always else _RECORDS.get(metric.name)
    if of_records is None or by not in of_records.sets:
        raise NotExpressible(f"nothing counts the records that have {metric.name} by {', '.join(by)}")
    return f"({_sum(metric, by, seconds, matchers)} / ({_number(of_records, by, seconds, matchers)} > 0))"


def _number(metric: Metric, by: DimensionSet, seconds: int, matchers: str) -> str:
    """Write the number of records that have a metric: its sum, if each of them adds 1."""
    if prometheus.kind(metric) == "counter":
        return _sum(metric, by, seconds, matchers)
    return _increase(metric, f"{prometheus.base_name(metric)}_count", by, seconds, matchers)


def _sum(metric: Metric, by: DimensionSet, seconds: int, matchers: str) -> str:
    return _increase(metric, f"{prometheus.base_name(metric)}_total", by, seconds, matchers)


def _increase(metric: Metric, series: str, by: DimensionSet, seconds: int, matchers: str) -> str:
    window = f"{_braces(matchers)}[{duration(seconds)}]"
    text = f"increase({series}{window})"
    if metric.name in MAY_FALL:  # a process that restarted in the window is left out
        restarts = f"resets({prometheus.base_name(metric)}_count{window}) > 0"
        text = f"delta({series}{window}) unless {restarts}"
    return f"sum by ({', '.join(by)}) ({text})"


def _braces(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""
