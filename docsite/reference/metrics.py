"""The metrics that the function emits."""

from docsite.reference.markdown import code, table
from nextitem.telemetry.metrics import METRICS, NAMESPACE, Metric


def page() -> str:
    """Return the table of all metrics."""
    header = ("metric", "unit", "one value says", "in the record of", "dimension sets")
    return f"The namespace is {code(NAMESPACE)}.\n\n{table(header, map(_row, METRICS))}"


def _row(metric: Metric) -> tuple[str, str, str, str, str]:
    sets = "; ".join(", ".join(map(code, dimensions)) for dimensions in metric.sets)
    requests = "every request" if metric.always else "requests that it applies to"
    return code(metric.name), "" if metric.unit == "None" else metric.unit.lower(), metric.meaning, requests, sets
