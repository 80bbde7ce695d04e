"""Write the counts of a run as a log line, of which some are metrics (CloudWatch's embedded metric format)."""

import sys
from collections.abc import Mapping

from nextitem.telemetry.metrics import LEARNING_METRICS
from nextitem.telemetry.serializer import serialize

_NAMES = {metric.name for metric in LEARNING_METRICS}


def emit(stack: str, operation: str, counts: Mapping[str, int]) -> None:
    """Write one record.

    Args:
        stack: the dimension that tells this stack's metrics from those of others.
        operation: what ran.
        counts: those described in `nextitem.telemetry.metrics` become metrics, the others fields of the log.
    """
    metrics = {name: float(count) for name, count in counts.items() if name in _NAMES}
    fields: dict[str, str | int] = {name: count for name, count in counts.items() if name not in _NAMES}
    sys.stdout.write(f"{serialize({'stack': stack}, metrics, {'operation': operation, **fields})}\n")
