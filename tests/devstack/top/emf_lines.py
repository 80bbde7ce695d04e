"""Records as the embedded metric format's specification has them, written by hand: one directive a dimension set.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from typing import Any

NOW = 1_800_000_000.0
"""Any moment, in epoch seconds."""
BY_VERSION = ("requests", "total_ms", "slow", "server_errors", "labels", "hits_20", "clicks")
VERSION = "v0123456789abcdef"


def record(at: float, **values: Any) -> dict[str, Any]:
    """Return the record of a good request at a moment; `values` override its values."""
    dimensions = {"stack": "nextitem", "model_version": VERSION, "variant": "main", "served_by": "session"}
    measured = {"requests": 1, "total_ms": 2.5, "slow": 0, "server_errors": 0, "store_faults": 0, "cold_start": 0}
    for name, value in values.items():
        (dimensions if name in dimensions else measured)[name] = value
    by_version = [name for name in BY_VERSION if name in measured]
    directives = [
        _directive(["stack"], list(measured)),
        _directive(["stack", "model_version", "variant"], by_version),
        _directive(["stack", "served_by"], ["requests"]),
    ]
    return {"_aws": {"Timestamp": round(at * 1000), "CloudWatchMetrics": directives}, **dimensions, **measured}


def lines(*records: dict[str, Any]) -> str:
    """Return records as the lines of a worker's log."""
    return "".join(json.dumps(record) + "\n" for record in records)


def _directive(dimensions: list[str], names: list[str]) -> dict[str, Any]:
    return {
        "Namespace": "nextitem",
        "Dimensions": [dimensions],
        "Metrics": [{"Name": name, "Unit": "Milliseconds" if name.endswith("_ms") else "Count"} for name in names],
    }
