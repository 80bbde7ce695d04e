"""Write metrics of the learning loop as log lines in CloudWatch's embedded metric format."""

import json
import sys
from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics

from nextitem.telemetry.metrics import NAMESPACE

_POWERTOOLS = EphemeralMetrics(namespace=NAMESPACE)


def emit(stack: str, counts: Mapping[str, float]) -> None:
    """Write one record.

    Args:
        stack: the dimension that tells this stack's metrics from those of others.
        counts: value of each metric; their unit is Count.
    """
    values = {name: {"Unit": "Count", "Value": value} for name, value in counts.items()}
    sys.stdout.write(f"{json.dumps(_POWERTOOLS.serialize_metric_set(values, {'stack': stack}, {}))}\n")
